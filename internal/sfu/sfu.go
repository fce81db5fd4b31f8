package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// Config says where media arrives. UDP is required.
type Config struct {
	// UDP is the one socket for all members. Its local address must be a *net.UDPAddr. The SFU closes it.
	UDP net.PacketConn
	// TCP takes media of members whose network lets no UDP through (RFC 6544); nil: nothing does. Its address must be a
	// *net.TCPAddr. The SFU closes it.
	TCP net.Listener
	// Net is the network for UDP; nil means the system's.
	Net transport.Net
	// PublicIPs are announced instead of the socket's own address, with the socket's port: for servers behind a NAT.
	PublicIPs []string
	// Logger gets the log; nil discards.
	Logger *slog.Logger
}

func (c Config) validate() error {
	var errs []error
	if c.UDP == nil {
		errs = append(errs, errors.New("sfu: no UDP socket"))
	} else if _, ok := c.UDP.LocalAddr().(*net.UDPAddr); !ok {
		errs = append(errs, fmt.Errorf("sfu: the UDP socket's address is a %T, want *net.UDPAddr", c.UDP.LocalAddr()))
	}
	if c.TCP != nil {
		if _, ok := c.TCP.Addr().(*net.TCPAddr); !ok {
			errs = append(errs, fmt.Errorf("sfu: the TCP listener's address is a %T, want *net.TCPAddr", c.TCP.Addr()))
		}
	}
	for _, ip := range c.PublicIPs {
		if net.ParseIP(ip) == nil {
			errs = append(errs, fmt.Errorf("sfu: public IP %q is not an IP address", ip))
		}
	}
	return errors.Join(errs...)
}

// SFU is one node's media: its sockets and the rooms on it.
type SFU struct {
	log     *slog.Logger
	mux     *ice.UDPMuxDefault
	tcp     *tcpMux              // nil: UDP only
	setting webrtc.SettingEngine // copied for every peer
	certs   []webrtc.Certificate
	count   counters

	mu     sync.Mutex // guards the following
	closed bool
	rooms  map[*Room]struct{}
}

// New starts the media of a node on cfg.UDP. It fails if cfg is not valid. The caller must Close it.
func New(cfg Config) (*SFU, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &SFU{log: pionlog.Or(cfg.Logger), rooms: map[*Room]struct{}{}}
	// One certificate for all peers: a key pair per join would cost more than the handshake.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sfu: key: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("sfu: certificate: %w", err)
	}
	s.certs = []webrtc.Certificate{*cert}
	logs := pionlog.Factory(s.log)
	if err := s.configure(cfg, logs); err != nil {
		return nil, err
	}
	s.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logs.NewLogger("mux"), UDPConn: cfg.UDP, Net: cfg.Net})
	s.setting.SetICEUDPMux(s.mux)
	if cfg.TCP != nil {
		s.tcp = newTCPMux(cfg.TCP, s.log, logs.NewLogger("tcp"))
		s.setting.SetICETCPMux(s.tcp)
	}
	return s, nil
}

// newMedia registers Opus, alone and with copies, and the audio level, nothing else. Opus is first: browsers send what the
// answer has first, and copies are to be sent only where they are needed.
func newMedia() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		},
		PayloadType: 111,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("sfu: codec: %w", err)
	}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mimeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"},
		PayloadType:        63,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("sfu: codec: %w", err)
	}
	if err := m.RegisterHeaderExtension(
		webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio,
	); err != nil {
		return nil, fmt.Errorf("sfu: audio level: %w", err)
	}
	return m, nil
}

// configure sets what all peers share.
func (s *SFU) configure(cfg Config, logs logging.LoggerFactory) error {
	e := &s.setting
	e.LoggerFactory = logs
	if cfg.Net != nil {
		e.SetNet(cfg.Net)
	}
	e.SetLite(true)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if cfg.TCP != nil {
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// The server chooses the SRTP profile, so we must be it: browsers as servers choose CM, twice as dear as GCM.
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	// DTLS arrives only from an address that has passed ICE, so the cookie would only add a round trip.
	e.SetDTLSInsecureSkipHelloVerify(true)
	// The microphone's track exists before its first packet, which then is not read twice.
	e.SetFireOnTrackBeforeFirstRTP(true)
	local, _ := cfg.UDP.LocalAddr().(*net.UDPAddr)
	// A server on loopback, or one on all addresses that is told no other: somebody on this machine must reach it even
	// without a network.
	e.SetIncludeLoopbackCandidate(local.IP.IsLoopback() || local.IP.IsUnspecified() && len(cfg.PublicIPs) == 0)
	if len(cfg.PublicIPs) > 0 {
		if err := e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: cfg.PublicIPs, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		}); err != nil {
			return fmt.Errorf("sfu: public IPs: %w", err)
		}
	}
	return nil
}

// maxStreams is how many streams a member's media may have: the microphone, and some that a client began anew.
const maxStreams = 16

// newAPI returns pion for one peer: the binding handler and the reports need to know whose they are.
func (s *SFU) newAPI(r *rebinder, p *Peer) (*webrtc.API, error) {
	media, err := newMedia()
	if err != nil {
		return nil, err
	}
	setting := s.setting
	// The peer and the senders that are made with the API have to share one engine: a copy would be the only one to learn
	// under which payload types and extension ids this client wants its packets.
	setting.DisableMediaEngineCopy(true)
	setting.SetICEBindingRequestHandler(r.bindingRequest)
	setting.BufferFactory = report.Buffers(maxStreams, p.takeRTCP, p.tooManyStreams)
	// No interceptors: pion's cost goroutines and tickers for every stream, also where nobody speaks. Reports are ours, and
	// are made when packets come.
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(setting),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

func (s *SFU) pcConfig() webrtc.Configuration {
	return webrtc.Configuration{
		Certificates: s.certs,
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		// Header encryption (RFC 9335) would hide the audio level from nobody but us, and our own SRTP path does not have it.
		RTPHeaderEncryptionPolicy: webrtc.RTPHeaderEncryptionPolicyDisable,
	}
}

// Stats returns the counts of all rooms since New.
func (s *SFU) Stats() Stats {
	st := s.count.stats()
	if s.tcp != nil {
		st.TCP = int(s.tcp.gate.open.Load())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Rooms = len(s.rooms)
	for r := range s.rooms {
		r.mu.Lock()
		st.Peers += len(r.peers)
		r.mu.Unlock()
	}
	return st
}

// Close ends all rooms and peers, waits for their goroutines and closes the sockets. It may be called more than once.
func (s *SFU) Close() error {
	s.mu.Lock()
	s.closed = true
	rooms := make([]*Room, 0, len(s.rooms))
	for r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	for _, r := range rooms {
		r.Close()
	}
	err := s.mux.Close()
	if s.tcp != nil {
		err = errors.Join(err, s.tcp.Close())
	}
	if err != nil {
		return fmt.Errorf("sfu: close: %w", err)
	}
	return nil
}

func (s *SFU) addRoom(r *Room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.rooms[r] = struct{}{}
	return true
}

func (s *SFU) removeRoom(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, r)
}
