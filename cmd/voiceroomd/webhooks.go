package main

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
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// webhooksCmd is voiceroomd webhooks: what operators ask a running server about callbacks, by its REST API.
type webhooksCmd struct {
	URL string `default:"http://127.0.0.1:8080" env:"VOICEROOM_REST_URL" placeholder:"URL" help:"Where the server is reached (default ${default})."`
	App string `required:"" env:"VOICEROOM_APP" placeholder:"ID:SECRET" help:"The app and its secret, with which this command makes itself a UserSig."`

	List   listCmd   `cmd:"" help:"List callbacks and what became of them."`
	Show   showCmd   `cmd:"" help:"Show one callback with its body."`
	Replay replayCmd `cmd:"" help:"Have callbacks delivered again, with the ids that they had."`
}

type listCmd struct {
	Room  string `placeholder:"ID" help:"Only of this room."`
	State string `default:"" enum:",pending,delivered,failed" placeholder:"STATE" help:"Only those that are pending, delivered or failed."`
	Limit int    `default:"100" placeholder:"N" help:"At most so many (default ${default})."`
	JSON  bool   `help:"One JSON object a line."`
}

type showCmd struct {
	ID string `arg:"" help:"The delivery's id."`
}

type replayCmd struct {
	ID string `arg:"" help:"The delivery's id; with --to that of the first."`
	To string `placeholder:"ID" help:"The last of several of one room."`
}

// webhooks runs voiceroomd webhooks.
func webhooks(args []string) {
	var c webhooksCmd
	p, err := kong.New(&c, kong.Name("voiceroomd webhooks"),
		kong.Description("Ask a running voiceroomd what became of the callbacks of an app, and have them delivered again."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	if err != nil {
		fail(1, err)
	}
	ctx, err := p.Parse(args)
	if err != nil {
		fail(2, fmt.Errorf("webhooks: %w", err))
	}
	rest, err := newRest(c.URL, c.App)
	if err != nil {
		fail(2, fmt.Errorf("webhooks: %w", err))
	}
	if err := ctx.Run(rest); err != nil {
		fail(1, fmt.Errorf("webhooks: %w", err))
	}
}

// restClient calls the console's commands of a running server.
type restClient struct {
	base   *url.URL
	app    signaling.AppID
	secret string
}

func newRest(base, app string) (*restClient, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("--url: http://host:port or https://host is wanted")
	}
	apps := map[signaling.AppID]string{}
	if err := addApp(apps, app); err != nil {
		return nil, fmt.Errorf("--app: %w", err)
	}
	c := &restClient{base: u}
	for c.app, c.secret = range apps {
	}
	return c, nil
}

// call calls a command and decodes its Response into out.
func (c *restClient) call(command string, params, out any) error {
	const who, valid = "administrator", 5 * time.Minute
	sig, err := usersig.Mint(c.app, c.secret, who, valid, time.Now())
	if err != nil {
		return err
	}
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	u := c.base.JoinPath("v4", "voiceroom_console", command)
	u.RawQuery = url.Values{
		"sdkappid": {strconv.FormatUint(uint64(c.app), 10)}, "identifier": {who}, "usersig": {sig},
		"random": {strconv.FormatUint(uint64(rand.Uint32()), 10)}, "contenttype": {"json"},
	}.Encode()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = fmt.Errorf("%s: %w", c.base, e.Err) // the URL has a UserSig in it
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var a struct {
		ErrorCode *int
		ErrorInfo string
		Response  json.RawMessage
	}
	err = json.NewDecoder(resp.Body).Decode(&a)
	switch {
	case err != nil || a.ErrorCode == nil:
		return fmt.Errorf("%s answers HTTP status %d and nothing of a voiceroomd", c.base, resp.StatusCode)
	case *a.ErrorCode != 0:
		return fmt.Errorf("the server refuses: %s (%d)", a.ErrorInfo, *a.ErrorCode)
	}
	return json.Unmarshal(a.Response, out)
}

// deliveryInfo is a callback as the REST API shows it.
type deliveryInfo struct {
	DeliveryID      string `json:"DeliveryId"`
	RoomID          string `json:"RoomId"`
	CallbackCommand string
	RecordTime      int64
	State           string
	Attempts        int             `json:",omitempty"`
	LastError       string          `json:",omitempty"`
	LastAttemptTime int64           `json:",omitempty"`
	Body            json.RawMessage `json:",omitempty"`
}

// Run lists callbacks.
func (c *listCmd) Run(rest *restClient, out io.Writer) error {
	if c.Limit < 1 {
		return errors.New("--limit: 1 or more")
	}
	params := map[string]any{"Next": ""}
	if c.Room != "" {
		params["RoomId"] = c.Room
	}
	if c.State != "" {
		params["State"] = c.State
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(table, "TIME\tDELIVERY\tROOM\tCALLBACK\tSTATE\tATTEMPTS\tLAST ERROR")
	}
	for shown := 0; shown < c.Limit; {
		params["Count"] = min(100, c.Limit-shown)
		var page struct {
			Next         string
			DeliveryList []deliveryInfo
		}
		if err := rest.call("list_deliveries", params, &page); err != nil {
			return errors.Join(err, table.Flush())
		}
		for _, d := range page.DeliveryList {
			if c.JSON {
				b, err := json.Marshal(d)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "%s\n", b)
				continue
			}
			attempts := "-"
			if d.Attempts > 0 {
				attempts = strconv.Itoa(d.Attempts)
			}
			fmt.Fprintf(table, "%s\t%s\t%q\t%s\t%s\t%s\t%s\n",
				stamp(d.RecordTime), d.DeliveryID, d.RoomID, d.CallbackCommand, d.State, attempts, printable(d.LastError))
		}
		shown += len(page.DeliveryList)
		if page.Next == "" {
			break
		}
		params["Next"] = page.Next
	}
	return table.Flush()
}

func stamp(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04:05.000") }

// printable keeps what an app's server has said from moving the terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// Run shows one callback.
func (c *showCmd) Run(rest *restClient, out io.Writer) error {
	var d deliveryInfo
	if err := rest.call("get_delivery", map[string]any{"DeliveryId": c.ID}, &d); err != nil {
		return err
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}

// Run has callbacks delivered again.
func (c *replayCmd) Run(rest *restClient, out io.Writer) error {
	params := map[string]any{"DeliveryId": c.ID}
	if c.To != "" {
		params["ToDeliveryId"] = c.To
	}
	var n struct{ DeliveryCount int }
	if err := rest.call("replay_deliveries", params, &n); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d callbacks are delivered again, one attempt each; what fails is listed with --state failed\n", n.DeliveryCount)
	return err
}
