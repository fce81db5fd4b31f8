package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const (
	// skewWarn is from when on a clock that differs is worth a word; skewBad is where the server refuses UserSigs that are
	// made by this clock.
	skewWarn, skewBad = 30 * time.Second, 5 * time.Minute
	// soon is when a UserSig that ends is worth a word.
	soon = 10 * time.Minute
)

// userSig looks at the UserSig, and at this machine's clock when the server's is known: it says until when a UserSig is good.
func (e *exam) userSig(ctx context.Context, server *time.Time) bool {
	if e.cfg.NoUser != "" {
		e.tell(Result{Name: nameSig, Status: Skipped, Says: e.cfg.NoUser})
		return false
	}
	_, ok := check(ctx, e, nameSig, func(context.Context) (Result, struct{}) {
		return judge(e.cfg.User, time.Now(), server), struct{}{}
	})
	return ok
}

const getAnother = "Get a new one: from your app's server, or with voiceroom usersig mint."

// judge says what is wrong with a UserSig, by this clock or, where it is known, the server's, which counts.
func judge(u User, now time.Time, server *time.Time) Result {
	c, err := usersig.Inspect(u.Sig)
	switch {
	case errors.Is(err, usersig.ErrLegacy):
		return bad("The UserSig is one of the old kind (version 1, ECDSA).", getAnother)
	case err != nil:
		return bad("That is no UserSig: its form is wrong.", "Was all of it copied? "+getAnother)
	}
	var skew time.Duration
	if server != nil {
		skew = now.Sub(*server)
		now = *server
	}
	says := fmt.Sprintf("It is for user %s in app %d, until %s", c.User, c.App, c.Expires.Format("2006-01-02 15:04:05 MST"))
	r := fine("%s.", says)
	r.Figures = map[string]float64{"expires_in_s": c.Expires.Sub(now).Seconds()}
	if server != nil {
		r.Figures["clock_skew_s"] = skew.Round(time.Second).Seconds()
	}
	fail := func(text, do string) { r.Status, r.Says, r.Do = Failed, text, do }
	ahead := fmt.Sprintf("this machine's clock is %s away from the server's.", max(skew, -skew).Round(time.Second))
	switch {
	case u.Secret != "" && !c.Legacy && !madeWith(u, c):
		fail("The UserSig was not made with this app's secret.", "Compare the secret with the server's --app. "+getAnother)
	case u.ID != "" && c.User != u.ID:
		fail(fmt.Sprintf("The UserSig is for user %s, and you are %s.", c.User, u.ID), "Leave --user out, or get one for that user.")
	case u.App != 0 && c.App != u.App:
		fail(fmt.Sprintf("The UserSig is for app %d, and not for %d.", c.App, u.App), getAnother)
	case c.Expires.Before(now):
		fail(fmt.Sprintf("The UserSig has expired %s ago, on %s.", now.Sub(c.Expires).Round(time.Second), c.Expires.Format("2006-01-02 15:04:05 MST")), getAnother)
	case c.Issued.After(now.Add(skewBad)):
		fail(fmt.Sprintf("The UserSig begins at %s only, which is in the future.", c.Issued.Format("2006-01-02 15:04:05 MST")), "The clock of the machine that made it is wrong: set it by NTP.")
	case c.Legacy:
		r.Status, r.Says, r.Do = Warning, says+"; it is one of the old kind (version 1, ECDSA)", "A server takes it only with the app's --app-public-key. "+getAnother
	case skew > skewWarn || skew < -skewWarn:
		r.Status, r.Says, r.Do = Warning, says+"; "+ahead, "Set both clocks by NTP: UserSigs that are made here may be refused."
	case c.Expires.Sub(now) < soon:
		r.Status, r.Do = Warning, "That is soon. "+getAnother
	}
	if off := skew > skewWarn || skew < -skewWarn; off && r.Status == Failed {
		r.Says = strings.TrimSuffix(r.Says, ".") + "; " + ahead
	}
	return r
}

// madeWith checks the signature alone, of version 2.0: at the time of its making, for the user that it names.
func madeWith(u User, c usersig.Claims) bool {
	_, err := usersig.Verify(u.Sig, c.App, u.Secret, c.User, c.Issued)
	return err == nil
}

// login logs in and looks at media.
func (e *exam) login(ctx context.Context, u *url.URL) {
	conn, ok := check(ctx, e, nameLogin, e.logIn)
	if conn != nil {
		defer conn.Close()
	}
	if !ok {
		e.skip("There is no login.", nameRoom, nameMediaUDP, nameMediaLoss, nameMediaTP)
		return
	}
	e.media(ctx, conn, u)
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Call(bye, signaling.MethodLogout, signaling.Empty{}, nil) // the server notices it anyway
}

func (e *exam) logIn(ctx context.Context) (Result, *signaling.Conn) {
	conn, err := signaling.Dial(ctx, signaling.DialConfig{URL: e.cfg.URL, TLS: e.cfg.TLS, NetDial: e.cfg.Network.Dial})
	if err != nil {
		return bad("There is no connection any more: "+plain(err)+".", ""), nil
	}
	var res signaling.LoginResult
	user := e.cfg.User
	err = conn.Call(ctx, signaling.MethodLogin, signaling.LoginParams{
		SDKAppID: user.App, UserID: user.ID, UserSig: user.Sig, Client: "voiceroom doctor",
	}, &res)
	if err != nil {
		conn.Close()
		return refused(user, err), nil
	}
	trip := time.Duration(1 << 62)
	for range 3 {
		began := time.Now()
		if err := conn.Call(ctx, signaling.MethodPing, signaling.Empty{}, nil); err != nil {
			conn.Close()
			return bad("The login works, and then the connection breaks: "+plain(err)+".", "A proxy or firewall in between may cut WebSockets off."), nil
		}
		trip = min(trip, time.Since(began))
	}
	r := fine("User %s can log in. A call takes %s.", user.ID, rounded(trip))
	r.Figures = map[string]float64{"call_ms": float64(trip.Microseconds()) / 1000}
	return r, conn
}

// refused says why the server does not let somebody in.
func refused(u User, err error) Result {
	switch {
	case errors.Is(err, signaling.ErrAppNotFound):
		return bad(fmt.Sprintf("The server does not know app %d.", u.App), "Start it with that app (--app or --app-file), or use one that it knows.")
	case errors.Is(err, signaling.ErrUserSigExpired):
		return bad("The server says that the UserSig has expired.", getAnother)
	case errors.Is(err, signaling.ErrUserSigWrongUser):
		return bad("The server says that the UserSig is for another user.", "Leave --user out, or get one for that user.")
	case errors.Is(err, signaling.ErrUserSigInvalid):
		return bad("The server refuses: "+plain(err)+".", "It was made with another secret than the server has for this app. Compare them.")
	}
	return bad(fmt.Sprintf("The server refuses the login: %s (code %d).", plain(err), signaling.CodeOf(err)), "")
}
