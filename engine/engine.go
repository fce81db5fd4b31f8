package engine

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v5"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/dispatch"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Config of a login. URL, SDKAppID, UserID and one of UserSig and TokenSource are required.
type Config struct {
	URL       string // ws://host:port or wss://host
	SDKAppID  AppID
	UserID    UserID // 1 to 32 bytes
	UserSig   string // made by your server, see package usersig; with a TokenSource only for the beginning
	UserName  string // at most 100 bytes
	AvatarURL string // at most 200 bytes

	// TLS is for wss:// to a server whose certificate is not from an authority that the system knows: set RootCAs. Nil is
	// right for all others.
	TLS *tls.Config

	// TokenSource keeps the login supplied with UserSigs. Without one it ends when UserSig has expired, unless
	// RenewUserSig is called in time.
	TokenSource TokenSource

	// Codec is opus.Codec, unless both ends are tests. Without one nothing is encoded or decoded, and there is no media (a
	// moderator's bot) unless the Microphone is an audio.PacketSource or Packets is set.
	Codec audio.Codec
	// Microphone is what is said; nil: this user only listens. The packets of an audio.PacketSource are sent as they are.
	Microphone audio.Source
	// Speaker is where everybody else is heard, in all rooms of this login; nil: what they say is not decoded.
	Speaker audio.Sink
	// VoiceProcessor takes echo and noise out of what the microphone hears, as speex.New does; nil: nothing does. It has
	// the microphone's channels, and belongs to this login alone.
	VoiceProcessor audio.VoiceProcessor
	// Packets asks for media without a Codec, for what taps packets ([Room.TapPackets]).
	Packets bool

	// VolumeInterval is how often OnUserVoiceVolumeChanged is called: at least 100 ms; 0 means [VolumeInterval], less than 0
	// never.
	VolumeInterval time.Duration

	// GiveUp is how long to try to come back when the connection is lost; 0 means 90 s, less than 0 not at all. Seats
	// and requests wait for the server's grace period, 30 s unless it is set otherwise.
	GiveUp time.Duration

	Logger  *slog.Logger // nil: nothing is logged
	Network Network      // for tests
}

// Network replaces the system's network. The zero value is the system's.
type Network struct {
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // for the WebSocket
	Net  transport.Net                                                     // for media
}

func (c Config) validate() error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, signaling.Errorf(ErrInvalidParameter.Code, format, args...))
	}
	if c.SDKAppID == 0 {
		add("Config.SDKAppID is missing")
	}
	if err := c.UserID.Valid(); err != nil {
		errs = append(errs, err)
	}
	if c.UserSig == "" && c.TokenSource == nil {
		add("Config.UserSig is missing, and there is no TokenSource; package usersig and the command voiceroom usersig make one")
	}
	if c.Codec == nil && (c.Microphone != nil && !c.packets() || c.Speaker != nil) {
		add("Config.Codec is missing, and Microphone and Speaker need one: use opus.Codec")
	}
	if c.Microphone != nil && c.Microphone.Channels() != 1 && c.Microphone.Channels() != 2 {
		add("Config.Microphone has %d channels; 1 and 2 work", c.Microphone.Channels())
	}
	if c.Speaker != nil && c.Speaker.Channels() != 1 && c.Speaker.Channels() != 2 {
		add("Config.Speaker has %d channels; 1 and 2 work", c.Speaker.Channels())
	}
	if c.VolumeInterval > 0 && c.VolumeInterval < leastVolumeInterval {
		add("Config.VolumeInterval is %v; at least %v, 0 for %v, or less than 0 for never", c.VolumeInterval, leastVolumeInterval, VolumeInterval)
	}
	switch vp := c.VoiceProcessor; {
	case vp != nil && (c.Microphone == nil || c.packets()):
		add("Config.VoiceProcessor has nothing to process: Config.Microphone is missing, or gives packets that are encoded already")
	case vp != nil && vp.Channels() != c.Microphone.Channels():
		add("Config.VoiceProcessor is for %d channels, and Config.Microphone has %d; make them the same", vp.Channels(), c.Microphone.Channels())
	}
	return errors.Join(errs...)
}

// packets tells whether the microphone encodes by itself.
func (c Config) packets() bool { return encodes(c.Microphone) }

// media tells whether rooms have media.
func (c Config) media() bool { return c.Codec != nil || c.Packets || c.packets() }

// Observer is told about the login. Every function is optional.
type Observer struct {
	// OnKickedOffLine: the same user has logged in elsewhere. The login is over, and with it every room.
	OnKickedOffLine func(message string)
	// OnUserSigWillExpire: the UserSig expires so soon, after a tenth of its time or five minutes, whichever is less, and
	// nothing replaces it: call RenewUserSig. With a TokenSource only when that has failed for half of the time.
	OnUserSigWillExpire func(left time.Duration)
	// OnUserSigExpired: it has expired (documents, onUserSigExpired). Everything goes on for the server's grace period,
	// 30 s unless it is set otherwise, in which RenewUserSig still helps. Then the login is over: OnDisconnected.
	OnUserSigExpired func()
	// OnMyFollowersListChanged: these users follow this one from now on (isAdd), or no longer; then only their ids are
	// known. It is called once a second at most, with at most 50 users. What happens while the connection is gone, and
	// what is more than that, is in [Engine.MyFollowersList] alone.
	OnMyFollowersListChanged func(users []UserInfo, isAdd bool)
	// OnReconnecting: the connection to the server is gone, and another is being made. Seats wait, verbs wait, and as
	// long as the server's node lives audio goes on.
	OnReconnecting func(cause error)
	// OnReconnected: the connection is back. What has happened meanwhile has been told before this.
	OnReconnected func()
	// OnDisconnected: the connection did not come back. The login is over, and with it every room. Not called after a
	// Logout.
	OnDisconnected func(err error)
}

// Engine is a login.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	link   *signaling.Session
	player *player

	credential *credential

	events    *dispatch.Queue
	observers dispatch.Observers[Observer]
	done      chan struct{} // closed when the login is over
	naming    chan struct{} // full while SetSelfInfo runs: of two the later one counts
	gifts     giftList
	wg        sync.WaitGroup

	mu     sync.Mutex // protects what follows; nothing is called while it is held
	rooms  map[RoomID]*Room
	self   UserInfo
	cause  error // why the login is over
	closed bool  // Logout has been called
	over   bool  // everything is being ended: nothing may be started any more
	// Rooms that were given up while the connection was gone, and that the server may still have this user in.
	abandoned []RoomID
}

// logoutWait bounds the good-bye: the server notices a closed connection too.
const logoutWait = 2 * time.Second

// Login connects to a server and logs in. The error has the documents' code, among them [ErrUserSigExpired] and
// [ErrUserSigInvalid]. Logout ends the login.
func Login(ctx context.Context, cfg Config) (*Engine, error) {
	const op = "Login"
	if err := cfg.validate(); err != nil {
		return nil, signaling.WithOp(op, err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg: cfg, log: cfg.Logger.With("user", cfg.UserID), rooms: map[RoomID]*Room{}, done: make(chan struct{}),
		naming: make(chan struct{}, 1),
		self:   UserInfo{UserID: cfg.UserID, UserName: cfg.UserName, AvatarURL: cfg.AvatarURL, Role: GeneralUser},
	}
	e.player = newPlayer(cfg.Speaker, cfg.VoiceProcessor, e.log)
	e.events = dispatch.New(e.log) // before the server can send anything
	e.credential = newCredential(cfg)
	link, err := signaling.OpenSession(ctx, signaling.SessionConfig{
		DialConfig: signaling.DialConfig{URL: cfg.URL, TLS: cfg.TLS, Logger: e.log, NetDial: cfg.Network.Dial, OnNotify: e.notified},
		Login:      e.loginParams, Versions: e.versions, Restore: e.restore, Away: e.away, Back: e.back, GiveUp: cfg.GiveUp,
	})
	if err != nil {
		e.credential.end()
		e.events.Close()
		return nil, signaling.WithOp(op, err)
	}
	e.link = link
	e.credential.loggedIn(link.Result())
	e.wg.Go(e.keepUserSig)
	e.wg.Go(e.watch)
	return e, nil
}

// AddObserver registers an observer and returns how to remove it.
func (e *Engine) AddObserver(o *Observer) (remove func()) { return e.observers.Add(o, e.events.Inside) }

// Done is closed when the login is over: by Logout, by a later login, or because the server is gone.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err returns why the login is over; nil while it lasts and after a Logout.
func (e *Engine) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cause
}

// Logout leaves every room, ends the login, and waits for everything that was started, callbacks included (unless it
// is called from one). It is idempotent. An owner who logs out does not dismiss the room: StopVoiceRoom does.
// Without a connection at that moment the server is not told, and the seat waits for the grace period.
func (e *Engine) Logout(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, logoutWait)
	defer cancel()
	err := e.link.Close(ctx)
	if e.events.Inside() {
		return signaling.WithOp("Logout", err) // the callback that called would otherwise be waited for
	}
	e.wg.Wait()
	return signaling.WithOp("Logout", err)
}

// watch ends everything when the login has ended.
func (e *Engine) watch() {
	<-e.link.Done()
	e.credential.end()
	e.mu.Lock()
	if e.cause == nil && !e.closed {
		e.cause = e.link.Err()
	}
	e.over = true
	cause, quiet := e.cause, e.closed
	rooms := make([]*Room, 0, len(e.rooms))
	for _, r := range e.rooms {
		rooms = append(rooms, r)
	}
	e.mu.Unlock()
	for _, r := range rooms {
		r.disconnected(cause)
	}
	for _, r := range rooms {
		r.close()
	}
	e.player.close()
	switch {
	case quiet:
	case errors.Is(cause, ErrKickedOffLine):
		e.post("OnKickedOffLine", func(o *Observer) {
			if o.OnKickedOffLine != nil {
				o.OnKickedOffLine(messageOf(cause))
			}
		})
	default:
		if errors.Is(cause, ErrUserSigExpired) {
			e.sigExpired() // if it was away when the server said so
		}
		e.post("OnDisconnected", func(o *Observer) {
			if o.OnDisconnected != nil {
				o.OnDisconnected(cause)
			}
		})
	}
	close(e.done)
	e.events.Close() // the last callbacks run before it returns
}

// notified runs on the connection's reading goroutine: it only queues.
func (e *Engine) notified(method string, params json.RawMessage) {
	switch method {
	case signaling.NotifyRoomEvents:
		if p, ok := decode[signaling.RoomEvents](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.received(p)
			}
		}
	case signaling.NotifySlots:
		if p, ok := decode[signaling.SlotsChanged](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.slotsChanged(p.Slots)
			}
		}
	case signaling.NotifyNetwork:
		if p, ok := decode[signaling.NetworkChanged](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil && r.media != nil {
				r.media.networkChanged(p.Users)
			}
		}
	case signaling.NotifyConnectedSeats:
		if p, ok := decode[signaling.ConnectedSeats](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.connectedSeatsChanged(p.Rooms)
			}
		}
	case signaling.NotifyFollowers:
		if p, ok := decode[signaling.FollowersChanged](e, method, params); ok {
			e.followersChanged(p)
		}
	case signaling.NotifyBarrage:
		if p, ok := decode[signaling.BarrageReceived](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.barrageReceived(p.Barrage)
			}
		}
	case signaling.NotifyLikes:
		if p, ok := decode[signaling.LikesReceived](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.likesReceived(p)
			}
		}
	case signaling.NotifyStatistics:
		if p, ok := decode[signaling.StatisticsChanged](e, method, params); ok {
			if r := e.room(p.RoomID); r != nil {
				r.statisticsReceived(p.Statistics)
			}
		}
	case signaling.NotifySigExpired:
		e.sigExpired()
	case signaling.NotifyKickedOff: // the session ends by it
	default:
		e.log.Debug("notification of a newer server", "method", method)
	}
}

func decode[P any](e *Engine, method string, params json.RawMessage) (p P, ok bool) {
	if err := signaling.DecodeParams(params, &p); err != nil {
		e.log.Warn("notification cannot be read", "method", method, "error", err)
		return p, false
	}
	return p, true
}

func (e *Engine) room(id RoomID) *Room {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rooms[id]
}

// spawn runs f on a goroutine that Logout waits for, unless the login is over: then watch ends what is left.
func (e *Engine) spawn(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over {
		e.wg.Go(f)
	}
}

// call sends a call. When the login has ended its error says why.
func (e *Engine) call(ctx context.Context, method string, params, result any) error {
	err := e.link.Call(ctx, method, params, result)
	if errors.Is(err, ErrDisconnected) {
		if cause := e.Err(); cause != nil {
			return cause
		}
	}
	return err
}

// InCallback reports whether the caller runs in one of this login's callbacks.
func (e *Engine) InCallback() bool { return e.events.Inside() }

// messageOf returns what the server has said, without the code.
func messageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	return err.Error()
}
