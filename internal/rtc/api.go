package rtc

import (
	"fmt"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// opusFmtp are the parameters of RFC 7587 section 6.1 that we can live with on what we receive.
const opusFmtp = "minptime=10;useinbandfec=1"

// The payload types of our offer: Opus alone, and with copies (RFC 2198).
const (
	opusPT  = 111
	redPT   = 63
	mimeRED = "audio/red"
)

// newAPI returns pion as we want it: Opus, alone and with copies, and the audio level, nothing else.
func newAPI(cfg Config, p *Peer) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: opusFmtp,
		},
		PayloadType: opusPT,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("rtc: codec: %w", err)
	}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mimeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: fmt.Sprintf("%d/%d", opusPT, opusPT),
		},
		PayloadType: redPT,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("rtc: codec: %w", err)
	}
	if err := m.RegisterHeaderExtension(
		webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio,
	); err != nil {
		return nil, fmt.Errorf("rtc: audio level: %w", err)
	}
	var s webrtc.SettingEngine
	s.LoggerFactory = pionlog.Factory(cfg.Logger)
	if cfg.Net != nil {
		s.SetNet(cfg.Net)
	}
	// TCP as well, to servers that take it: pion alone would not. It dials by the system's network, whatever Net is.
	s.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	// Host names nobody can resolve only cost time: a lite server never looks at our candidates.
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// A server on this machine must be reachable without any other network.
	s.SetIncludeLoopbackCandidate(true)
	// Without it a slot on which nobody speaks yet has no track, and its first packets wait for one.
	s.SetFireOnTrackBeforeFirstRTP(true)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.BufferFactory = report.Buffers(maxSlots+1, p.takeRTCP, p.tooManyStreams)
	// No interceptors: reports are ours, and are made when packets come.
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{})), nil
}
