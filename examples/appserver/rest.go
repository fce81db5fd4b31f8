package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// rest is a client of the voice room server's REST API. docs/openapi.yaml describes what each command takes and answers.
type rest struct {
	url    string
	app    signaling.AppID
	secret string
	http   *http.Client
}

const administrator = "administrator"

// call calls a command, "service/command". A refusal is a *signaling.Error with the documents' code.
func (r rest) call(ctx context.Context, command string, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	sig, err := usersig.Mint(r.app, r.secret, administrator, time.Hour, time.Now())
	if err != nil {
		return err
	}
	q := url.Values{
		"sdkappid": {fmt.Sprint(r.app)}, "identifier": {administrator}, "usersig": {sig},
		"random": {strconv.FormatUint(uint64(rand.Uint32()), 10)}, "contenttype": {"json"},
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // the server takes 3 s at most
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v4/"+command+"?"+q.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", command, e.Err) // without the URL, which has the UserSig
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		ErrorCode *signaling.Code
		ErrorInfo string
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: HTTP status %d", command, resp.StatusCode)
	case err != nil || answer.ErrorCode == nil:
		return fmt.Errorf("%s: the answer is not the REST API's", command)
	case *answer.ErrorCode != 0:
		return signaling.Errorf(*answer.ErrorCode, "%s: %s", command, answer.ErrorInfo)
	}
	return nil
}
