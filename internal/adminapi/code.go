package adminapi

import (
	"errors"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The documents' common codes of REST calls, as far as they can arise here.
const (
	codeURL         signaling.Code = 60002
	codeJSON        signaling.Code = 60003
	codeAccount     signaling.Code = 60004 // the documents have one text for this and the next; here this is the account
	codeSignature   signaling.Code = 60005
	codeApp         signaling.Code = 60006
	codeCommandRate signaling.Code = 60007
	codeTimeout     signaling.Code = 60008
	codeResource    signaling.Code = 60009
	codeNotAdmin    signaling.Code = 60010
	codeAppRate     signaling.Code = 60011
	codeNoApp       signaling.Code = 60012
	codeAnswer      signaling.Code = 60013
	codeAccountType signaling.Code = 60015
)

// Codes of the commands that package signaling has no name for, or that are named here for short.
const (
	codeParameter signaling.Code = 100002
	codeLimit     signaling.Code = 100013
	codeRoomType  signaling.Code = 100015
)

// Codes of the service im_open_login_svc (documents, "account_import"), and the one of profile that is not an account's.
const (
	codeLoginTimeout   signaling.Code = 70169
	codeLoginParameter signaling.Code = 70402
	codeLoginServer    signaling.Code = 70500
	codeNobody         signaling.Code = 40002
	codeProfileServer  signaling.Code = 40006
)

// ours are the codes of failures that callers cannot mend.
var ours = []signaling.Code{signaling.ErrServer.Code, codeTimeout, codeLoginTimeout, codeLoginServer, codeProfileServer}

func refuse(code signaling.Code, format string, args ...any) error {
	return signaling.Errorf(code, format, args...)
}

// serverCode is what a client's code is called in the documents of the REST API, which know those of servers only.
var serverCode = map[signaling.Code]signaling.Code{
	signaling.ErrInvalidParameter.Code:  codeParameter,
	signaling.ErrInvalidRoomID.Code:     codeParameter,
	signaling.ErrInvalidRoomName.Code:   codeParameter,
	signaling.ErrSeatNotExist.Code:      codeParameter,
	signaling.ErrTooManySeats.Code:      codeLimit,
	signaling.ErrUserNotFound.Code:      signaling.ErrUserNotEntered.Code,
	signaling.ErrNotInRoom.Code:         signaling.ErrUserNotEntered.Code,
	signaling.ErrNeedOwner.Code:         signaling.ErrNoPermission.Code,
	signaling.ErrNeedManager.Code:       signaling.ErrNoPermission.Code,
	signaling.ErrSeatOccupiedAlias.Code: signaling.ErrSeatOccupied.Code,
}

// public returns the code and the text of an error for whoever calls. Causes stay in the log.
func public(err error) (signaling.Code, string) {
	if err == nil {
		return 0, ""
	}
	code := signaling.CodeOf(err)
	text := code.String()
	if e, ok := errors.AsType[*signaling.Error](err); ok && e.Message != "" {
		text = e.Message
	}
	if known, ok := serverCode[code]; ok {
		return known, text
	}
	if code < 0 {
		return signaling.ErrServer.Code, signaling.ErrServer.Code.String()
	}
	return code, text
}
