package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// entered is a room with a media connection.
type entered struct {
	room   signaling.RoomID
	peer   *rtc.Peer
	answer string
}

// sendFor is for how long something is said: a server reports every five seconds where nothing is lost.
const sendFor = 5500 * time.Millisecond

// media tries the way of the voices. There is no room without a member and no media without a room, so it opens one of
// its own, unless it was told which to enter, and ends it afterwards.
func (e *exam) media(ctx context.Context, conn *signaling.Conn, u *url.URL) {
	in, ok := check(ctx, e, nameRoom, func(ctx context.Context) (Result, *entered) { return e.enter(ctx, conn, false) })
	if !ok {
		e.skip("There is no room to try it in.", nameMediaUDP, nameMediaLoss, nameMediaTP)
		return
	}
	candidates := candidatesOf(in.answer)
	tcp := slices.ContainsFunc(candidates, func(c candidate) bool { return c.tcp })
	_, up := check(ctx, e, nameMediaUDP, func(ctx context.Context) (Result, struct{}) {
		r := connectMedia(ctx, in, candidates, u.Hostname(), false)
		if r.Status == Failed && tcp {
			r.Status = Warning // it is TCP that decides whether there is sound
			r.Do = strings.TrimSuffix(r.Do, ".") + ". Meanwhile TCP is used, if it works (below): where packets are lost it delays what follows."
		}
		return r, struct{}{}
	})
	up = up && in.peer.State() == rtc.StateConnected
	if up {
		check(ctx, e, nameMediaLoss, func(ctx context.Context) (Result, struct{}) { return e.say(ctx, conn, in), struct{}{} })
	} else {
		e.skip("Media is not connected over UDP.", nameMediaLoss)
	}
	e.leave(ctx, conn, in)
	if !tcp {
		e.skip("This server offers media over UDP only: in a network that blocks UDP there is no sound. Its --media-tcp would help.", nameMediaTP)
		return
	}
	check(ctx, e, nameMediaTP, func(ctx context.Context) (Result, struct{}) { return e.tryTCP(ctx, conn, u.Hostname(), up), struct{}{} })
}

// tryTCP connects once more, by TCP alone.
func (e *exam) tryTCP(ctx context.Context, conn *signaling.Conn, host string, udp bool) Result {
	r, in := e.enter(ctx, conn, true)
	if in == nil {
		return r
	}
	defer e.leave(ctx, conn, in)
	r = connectMedia(ctx, in, candidatesOf(in.answer), host, true)
	if r.Status == Failed && udp {
		r.Status = Warning // nobody here needs it
	}
	return r
}

// enter goes into a room, and lets media try one of its ways.
func (e *exam) enter(ctx context.Context, conn *signaling.Conn, tcp bool) (Result, *entered) {
	in := &entered{room: e.cfg.Room}
	own := in.room == ""
	if own {
		in.room = signaling.RoomID("doctor-" + strings.ToLower(rand.Text()[:10]))
		err := conn.Call(ctx, signaling.MethodCreateRoom, signaling.CreateRoomParams{
			CommandID: rand.Text(), Room: signaling.RoomInfo{RoomID: in.room, MaxSeatCount: 1, SeatMode: signaling.FreeToTake},
		}, nil)
		if err != nil {
			return bad("A room cannot be opened: "+plain(err)+".", "If you may not open rooms, name one to try it in: --room ID."), nil
		}
	}
	peer, err := rtc.New(rtc.Config{Net: e.cfg.Network.Net, Slots: 1})
	if err != nil {
		return bad("This machine cannot make a media connection: "+err.Error()+".", ""), nil
	}
	in.peer = peer
	var res signaling.JoinResult
	err = conn.Call(ctx, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: in.room, Offer: peer.Offer()}, &res)
	if err == nil {
		in.answer = res.Answer
		err = peer.Answer(ctx, only(tcp, res.Answer))
	}
	if err != nil {
		e.leave(ctx, conn, in)
		return bad("The room cannot be entered: "+plain(err)+".", ""), nil
	}
	if !own {
		return fine("The room %s can be entered.", in.room), in
	}
	return fine("A room can be opened and entered."), in
}

// leave ends the room that was opened, or leaves the one that was named.
func (e *exam) leave(ctx context.Context, conn *signaling.Conn, in *entered) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	method := signaling.MethodLeaveRoom
	if e.cfg.Room == "" {
		method = signaling.MethodDismissRoom
	}
	_ = conn.Call(ctx, method, signaling.RoomParams{CommandID: rand.Text(), RoomID: in.room}, nil) // an empty room ends by itself
	_ = in.peer.Close()
}

// candidate is an address at which the server takes media.
type candidate struct {
	addr netip.AddrPort
	tcp  bool
}

// only returns an answer with candidates of one kind.
func only(tcp bool, answer string) string {
	var b strings.Builder
	for line := range strings.Lines(answer) {
		if list := candidatesOf(line); len(list) == 0 || list[0].tcp == tcp {
			b.WriteString(line)
		}
	}
	return b.String()
}

// candidatesOf reads them from the server's answer (RFC 8839 section 5.1).
func candidatesOf(sdp string) []candidate {
	var list []candidate
	for line := range strings.Lines(sdp) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "a=candidate:"))
		if !strings.HasPrefix(line, "a=candidate:") || len(f) < 6 {
			continue
		}
		ip, err := netip.ParseAddr(f[4])
		var port uint16
		if _, scan := fmt.Sscan(f[5], &port); err != nil || scan != nil {
			continue
		}
		c := candidate{netip.AddrPortFrom(ip, port), strings.EqualFold(f[2], "tcp")}
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// connectMedia waits until media is up, and says how long a packet takes.
func connectMedia(ctx context.Context, in *entered, candidates []candidate, host string, tcp bool) Result {
	began := time.Now()
	// The last second belongs to the words about what is wrong.
	limited := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, deadline.Add(-time.Second))
		defer cancel()
	}
	if err := in.peer.Connected(limited); err != nil {
		return unreachable(candidates, host, err, tcp)
	}
	took := time.Since(began)
	in.peer.MeasureRoundTrip()
	trip := in.peer.RoundTrip()
	r := fine("Media connects after %s%s.", rounded(took), at(candidates, tcp))
	r.Figures = map[string]float64{"connect_ms": float64(took.Microseconds()) / 1000}
	if trip > 0 {
		r.Says = strings.TrimSuffix(r.Says, ".") + fmt.Sprintf(", and a packet takes %s there and back.", rounded(trip))
		r.Figures["round_trip_ms"] = float64(trip.Microseconds()) / 1000
	}
	return r
}

func protocol(tcp bool) string {
	if tcp {
		return "TCP"
	}
	return "UDP"
}

// at names the addresses that were tried.
func at(candidates []candidate, tcp bool) string {
	var list []string
	for _, c := range candidates {
		if c.tcp == tcp {
			list = append(list, c.addr.String())
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ", " + protocol(tcp) + " to " + strings.Join(list, " or ")
}

// unreachable says why media may not come about.
func unreachable(candidates []candidate, host string, err error, tcp bool) Result {
	name := protocol(tcp)
	says := "Nothing comes back over " + name + strings.TrimPrefix(at(candidates, tcp), ", "+name) + "."
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, rtc.ErrFailed) {
		says += " (" + err.Error() + ")"
	}
	flag := "--media"
	if tcp {
		flag = "--media-tcp"
	}
	for _, c := range candidates {
		if c.tcp != tcp {
			continue
		}
		switch ip := c.addr.Addr(); {
		case ip.IsLoopback() && !local(host):
			return bad(says, "The server tells its clients to send their voices to "+ip.String()+", which is each client's own machine: start it with "+flag+" 0.0.0.0:PORT, and with --public-ip if it is behind a NAT.")
		case ip.IsPrivate() && public(host):
			return bad(says, "The server tells its clients to send their voices to "+ip.String()+", an address inside its own network: start it with --public-ip.")
		}
	}
	if tcp {
		return bad(says, "A firewall, here or at the server, does not let TCP through to that port: open it.")
	}
	return bad(says, "A firewall, here or at the server, does not let UDP through: open that port for UDP. Some company networks block UDP altogether.")
}

// public reports whether a host is an address of the whole Internet; of a name one cannot say.
func public(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// say takes the seat and sends packets, and says how many of them the server has missed.
func (e *exam) say(ctx context.Context, conn *signaling.Conn, in *entered) Result {
	const seat = signaling.AnySeat
	if e.cfg.Room != "" {
		return Result{Status: Skipped, Says: "In somebody else's room nothing is said; without --room the loss would be measured."}
	}
	err := conn.Call(ctx, signaling.MethodTakeSeat, signaling.TakeSeatParams{CommandID: rand.Text(), RoomID: in.room, Index: seat}, nil)
	if err == nil {
		err = conn.Call(ctx, signaling.MethodSetAudio, signaling.AudioParams{CommandID: rand.Text(), RoomID: in.room, On: true}, nil)
	}
	if err != nil {
		return bad("One cannot speak: "+plain(err)+".", "")
	}
	silence := []byte{0xf8, 0xff, 0xfe} // a frame of Opus that says nothing (RFC 6716 section 3.1: CELT, 20 ms, mono)
	pacer := audio.NewPacer(audio.FrameDuration)
	for began := time.Now(); time.Since(began) < sendFor; {
		if _, err := pacer.Wait(ctx); err != nil {
			return bad("Sending takes too long.", "This machine is too busy.")
		}
		if err := in.peer.WriteAudio(silence, audio.FrameSamples, 100, false); err != nil && errors.Is(err, rtc.ErrClosed) {
			return bad("The media connection breaks while one speaks.", "Try again; if it stays so, look at the server's log.")
		}
	}
	sent := in.peer.Sent()
	expected, lost := sent.Expected, sent.Lost
	in.peer.MeasureRoundTrip()
	trip := in.peer.RoundTrip()
	if expected == 0 {
		return warn("The server has told nothing of what was sent.", "It may be of another version, or its reports are lost on the way here.")
	}
	share := 100 * float64(lost) / float64(expected)
	r := fine("Of %d packets sent, the server has missed %d (%.1f %%).", expected, lost, share)
	r.Figures = map[string]float64{"sent": float64(expected), "lost": float64(lost), "loss_percent": share, "round_trip_ms": float64(trip.Microseconds()) / 1000}
	switch {
	case share > 20:
		r.Status, r.Do = Failed, "So much loss cannot be repaired. Move closer to the Wi-Fi, use a cable, or another network."
	case share > 3 || trip > 300*time.Millisecond:
		r.Status, r.Do = Warning, "That can be heard at times. A cable instead of Wi-Fi often helps."
	}
	if trip > 0 {
		r.Says = strings.TrimSuffix(r.Says, ".") + fmt.Sprintf("; a packet takes %s there and back.", rounded(trip))
	}
	return r
}
