// Package rest calls the voice room server's REST API as the app's administrator, for the examples that are servers of an app.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// Client calls commands. docs/openapi.yaml describes what each takes and answers.
type Client struct {
	URL    string // of the server, without a path
	App    signaling.AppID
	Secret string
	HTTP   *http.Client
}

const (
	administrator = "administrator"
	maxAnswer     = 1 << 20 // bytes
)

// Call calls a command, "service/command", and reads its answer into answer, unless that is nil. A refusal is a
// *signaling.Error with the documents' code; after any other error the command may have been carried out.
func (r Client) Call(ctx context.Context, command string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	sig, err := usersig.Mint(r.App, r.Secret, administrator, time.Hour, time.Now())
	if err != nil {
		return err
	}
	q := url.Values{
		"sdkappid": {fmt.Sprint(r.App)}, "identifier": {administrator}, "usersig": {sig},
		"random": {strconv.FormatUint(uint64(rand.Uint32()), 10)}, "contenttype": {"json"},
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // the server takes 3 s at most
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/v4/"+command+"?"+q.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := r.HTTP.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", command, e.Err) // without the URL, which has the UserSig
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	var head struct {
		ErrorCode *signaling.Code
		ErrorInfo string
	}
	err = json.Unmarshal(all, &head)
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: HTTP status %d", command, resp.StatusCode)
	case err != nil || head.ErrorCode == nil:
		return fmt.Errorf("%s: the answer is not the REST API's", command)
	case *head.ErrorCode != 0:
		return signaling.Errorf(*head.ErrorCode, "%s: %s", command, head.ErrorInfo)
	case answer != nil:
		return json.Unmarshal(all, answer)
	}
	return nil
}
