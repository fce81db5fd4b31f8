package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// CommandBeforeGift asks the app about a gift. It is no callback that an app subscribes to: it has a URL of its own.
const CommandBeforeGift = "Gift.CallbackBeforeSendGift"

// Declines is an app's no.
type Declines struct {
	Code int64
	Info string
}

func (d Declines) Error() string {
	if d.Info == "" {
		return fmt.Sprintf("code %d", d.Code)
	}
	return fmt.Sprintf("%s (code %d)", d.Info, d.Code)
}

// Ask asks an app's server at once, at a URL that CheckURL has taken, as callbacks are sent: signed by the same token, and
// within the same bounds. nil is yes, [Declines] is no, and any other error is neither: it says what has come instead. id is
// the same in all attempts; limit is for the answer.
func (s *Service) Ask(ctx context.Context, app signaling.AppID, url, command, id string, body []byte, limit time.Duration) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	h := http.Header{}
	h.Set(headerDelivery, id)
	c := callback{Command: command}
	answer, err := s.ask(ctx, urlOf(url, app, s.settings(app).Token, c, start), h, body, limit)
	if err == nil {
		err = accepted(answer)
	}
	outcome := Allowed
	if no, ok := errors.AsType[errAnswer](err); ok {
		outcome, err = Vetoed, Declines{no.code, plainText(no.info)}
	} else if err != nil {
		outcome = Unanswered
	}
	s.cfg.Observe(command, outcome, time.Since(start))
	return err
}

// plainText is what is shown of a text that an app's server has sent: maxRefusal bytes of it, in one line.
func plainText(text string) string {
	text = text[:min(len(text), 4*maxRefusal)] // what is invalid in it is left out, and the rest is not looked at
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	for len(text) > maxRefusal {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text
}

// CheckURL refuses what cannot or must not be called; field is what the URL is called where it is set.
func (s *Service) CheckURL(field, text string) error { return s.checkURL(field, text) }
