package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

type verifyCmd struct {
	App       app    `help:"The app and its secret." required:"" env:"VOICEROOM_APP" placeholder:"ID:SECRET"`
	User      string `help:"Whose it should be." required:""`
	PublicKey string `help:"The app's public key (PEM), for UserSigs of version 1 (ECDSA-SHA256)." placeholder:"FILE"`
	JSON      bool   `help:"Print one JSON object instead."`
	File      string `help:"Read the UserSig from a file, so that it is in no list of processes." placeholder:"FILE"`
	Token     string `arg:"" optional:"" help:"The UserSig; - reads it from standard input."`
}

// Help is the end of what --help says.
func (*verifyCmd) Help() string {
	var b strings.Builder
	b.WriteString("The exit status says what is wrong:\n\n  0  valid\n  1  not checked: the UserSig or the key could not be read from its file\n  2  not checked: wrong flags\n")
	for _, v := range verdicts {
		fmt.Fprintf(&b, "  %d  %s: %s\n", v.status, v.name, v.says)
	}
	return b.String()
}

// verdict is why a UserSig is not valid, and the exit status for it.
type verdict struct {
	err    error
	status int
	name   string
	says   string
}

// verdicts are in the order of the checks. Scripts know these numbers and names.
var verdicts = []verdict{
	{usersig.ErrTooLarge, 3, "malformed", "too large to be a UserSig"},
	{usersig.ErrMalformed, 3, "malformed", "this is no UserSig, or only a part of one"},
	{usersig.ErrLegacy, 9, "legacy", "of version 1 (ECDSA-SHA256), and no --public-key is given; mint one of version 2.0"},
	{usersig.ErrWrongApp, 4, "wrongApp", "it is for another app"},
	{usersig.ErrSignature, 5, "wrongSignature", "not made with this app's secret, or changed since"},
	{usersig.ErrMismatch, 6, "wrongUser", "it is for another user"},
	{usersig.ErrFuture, 7, "notYet", "issued more than 5 minutes in the future: one of the two clocks is wrong"},
	{usersig.ErrExpired, 8, "expired", "its time has passed"},
}

// sigReport is what --json prints. Times are in seconds.
type sigReport struct {
	Valid   bool       `json:"valid"`
	Verdict string     `json:"verdict"` // "valid", or the name of a verdict
	Status  int        `json:"status"`  // the exit status
	Says    string     `json:"says,omitempty"`
	Genuine bool       `json:"genuine"` // the signature is right, so what follows is what the app's server has said
	Claims  *sigClaims `json:"claims,omitempty"`
}

type sigClaims struct {
	App           signaling.AppID  `json:"app"`
	User          signaling.UserID `json:"user"`
	Algorithm     string           `json:"algorithm"`
	Issued        string           `json:"issued"`
	Expires       string           `json:"expires"`
	LeftSeconds   int64            `json:"leftSeconds"` // negative: since then
	UserBuf       []byte           `json:"userBuf,omitempty"`
	PrivateMapKey *sigKey          `json:"privateMapKey,omitempty"`
}

type sigKey struct {
	App         signaling.AppID  `json:"app"`
	User        signaling.UserID `json:"user"`
	Room        signaling.RoomID `json:"room,omitempty"`
	RoomNumber  uint32           `json:"roomNumber,omitempty"`
	Expires     string           `json:"expires"`
	LeftSeconds int64            `json:"leftSeconds"`
	Privileges  uint32           `json:"privileges"`
	Permits     []string         `json:"permits"`
}

// Run says what a UserSig is, and ends with the status for it.
func (c *verifyCmd) Run() error {
	token, err := c.read(os.Stdin)
	if err != nil {
		return err
	}
	v := usersig.Verifier{App: c.App.id, Secret: c.App.secret}
	if c.PublicKey != "" {
		pem, err := os.ReadFile(c.PublicKey)
		if err == nil {
			v.PublicKey, err = usersig.ParsePublicKey(pem)
		}
		if err != nil {
			return fmt.Errorf("--public-key: %w", err)
		}
	}
	now := time.Now()
	r := judge(v, token, signaling.UserID(c.User), now)
	switch {
	case c.JSON:
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	case r.Valid:
		err = r.write(os.Stdout)
	default:
		err = r.write(os.Stderr)
	}
	if err == nil && !r.Valid {
		err = exitStatus(r.Status)
	}
	return err
}

// read finds the UserSig.
func (c *verifyCmd) read(stdin io.Reader) (string, error) {
	switch {
	case (c.Token == "") == (c.File == ""):
		fmt.Fprintln(os.Stderr, "voiceroom: give the UserSig, or - and the UserSig on standard input, or --file FILE")
		return "", exitStatus(2)
	case c.File != "":
		f, err := os.Open(c.File)
		if err != nil {
			return "", fmt.Errorf("--file: %w", err)
		}
		defer f.Close()
		stdin = f
	case c.Token != "-":
		return c.Token, nil
	}
	b, err := io.ReadAll(io.LimitReader(stdin, 64<<10)) // more is none in any case
	return strings.TrimSpace(string(b)), err
}

func judge(v usersig.Verifier, token string, user signaling.UserID, now time.Time) sigReport {
	r := sigReport{Valid: true, Verdict: "valid", Genuine: true}
	claims, err := v.Verify(token, user, now)
	for _, known := range verdicts {
		if errors.Is(err, known.err) {
			r = sigReport{Verdict: known.name, Status: known.status, Says: known.says}
		}
	}
	if err != nil {
		if claims, err = usersig.Inspect(token); err != nil {
			return r
		}
		v.App = claims.App
		_, err = v.Verify(token, claims.User, claims.Issued) // the signature alone
		r.Genuine = err == nil
	}
	r.Claims = describe(claims, now)
	return r
}

func describe(c usersig.Claims, now time.Time) *sigClaims {
	left := func(t time.Time) int64 { return t.Unix() - now.Unix() }
	says := &sigClaims{
		App: c.App, User: c.User, Algorithm: "HMAC-SHA256", Issued: stamp(c.Issued), Expires: stamp(c.Expires),
		LeftSeconds: left(c.Expires), UserBuf: c.UserBuf,
	}
	if c.Legacy {
		says.Algorithm = "ECDSA-SHA256"
	}
	if k, err := usersig.ParsePrivateMapKey(c.UserBuf); err == nil {
		says.PrivateMapKey = &sigKey{
			App: k.App, User: k.User, Room: k.Room, RoomNumber: k.RoomNumber, Expires: stamp(k.Expires),
			LeftSeconds: left(k.Expires), Privileges: uint32(k.Privileges), Permits: k.Privileges.Names(),
		}
	}
	return says
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// span says a time that is left or has passed, in whole seconds.
func span(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case seconds < -(1<<33) || seconds > 1<<33: // which no time.Duration holds
		return fmt.Sprintf("%d days", seconds/86400)
	case d < 0:
		return (-d).String() + " ago"
	}
	return d.String() + " left"
}

// write says it in words.
func (r sigReport) write(w io.Writer) error {
	c := r.Claims
	if c == nil {
		_, err := fmt.Fprintln(w, "not valid:", r.Says)
		return err
	}
	var b strings.Builder
	if r.Valid {
		fmt.Fprintln(&b, "valid until", c.Expires)
	} else {
		fmt.Fprintln(&b, "not valid:", r.Says)
	}
	if !r.Genuine {
		fmt.Fprintln(&b, "What it says of itself, which nothing proves:")
	}
	fmt.Fprintf(&b, "  user      %q of app %d\n", c.User, c.App)
	fmt.Fprintf(&b, "  issued    %s\n", c.Issued)
	fmt.Fprintf(&b, "  expires   %s, %s\n", c.Expires, span(c.LeftSeconds))
	fmt.Fprintf(&b, "  signature %s\n", c.Algorithm)
	switch k := c.PrivateMapKey; {
	case k != nil:
		room := fmt.Sprintf("%q", k.Room)
		if k.Room == "" {
			room = fmt.Sprintf("number %d", k.RoomNumber)
		}
		fmt.Fprintf(&b, "  userbuf   a PrivateMapKey for room %s until %s, %s; permits: %s\n", room, k.Expires, span(k.LeftSeconds), usersig.Privileges(k.Privileges))
		if k.User != c.User || k.App != c.App {
			fmt.Fprintf(&b, "            but it is for user %q of app %d\n", k.User, k.App)
		}
		fmt.Fprintln(&b, "            A server refuses a login with it: that would open every room.")
	case c.UserBuf != nil:
		fmt.Fprintf(&b, "  userbuf   %d bytes that are no PrivateMapKey: %q\n", len(c.UserBuf), c.UserBuf)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
