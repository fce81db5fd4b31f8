package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/webhook"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// metrics are this server's own: a process may hold several. No label holds an id that a user has chosen.
type metrics struct {
	registry        *prometheus.Registry
	links           prometheus.Gauge
	calls           *prometheus.CounterVec
	callSeconds     *prometheus.HistogramVec
	rest            *prometheus.CounterVec
	restSeconds     *prometheus.HistogramVec
	events          prometheus.Counter
	slowReaders     prometheus.Counter
	barrages        prometheus.Counter
	barragesDropped prometheus.Counter
	likes           prometheus.Counter
	likesDropped    prometheus.Counter
	relayErrors     prometheus.Counter
	hooks           *prometheus.CounterVec
	hookSeconds     *prometheus.HistogramVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		links:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "voiceroom_connections", Help: "Connections of clients, logged in or not."}),
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "voiceroom_calls_total", Help: "Calls by method and code; 0 is success."}, []string{"method", "code"}),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "voiceroom_call_seconds", Help: "Time to answer a call.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"method"}),
		rest: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "voiceroom_rest_calls_total", Help: "Calls of the REST API by command and code; 0 is success."}, []string{"command", "code"}),
		restSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "voiceroom_rest_call_seconds", Help: "Time to answer a call of the REST API.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"command"}),
		events:          prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_notifications_total", Help: "Room notifications queued for clients."}),
		slowReaders:     prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_slow_readers_total", Help: "Clients cut off because they did not read."}),
		barrages:        prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_barrages_total", Help: "Chat messages queued for clients."}),
		barragesDropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_barrages_dropped_total", Help: "Chat messages not queued, because half of a client's queue was full."}),
		likes:           prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_likes_told_total", Help: "Totals of likes queued for clients."}),
		likesDropped:    prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_likes_dropped_total", Help: "Totals of likes not queued, because a quarter of a client's queue was full."}),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "voiceroom_webhook_attempts_total", Help: "Attempts to call apps' servers back, by command and outcome: delivered, retried, failed (given up), unwanted (not sent), replayed; of questions about chat messages: allowed, replaced, vetoed, unanswered.",
		}, []string{"command", "outcome"}),
		hookSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "voiceroom_webhook_seconds", Help: "Time that apps' servers took to answer a callback.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"outcome"}),
		relayErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "voiceroom_relay_errors_total", Help: "Media messages that could not be published to other nodes."}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	counter := func(name, help string, f func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	m.registry.MustRegister(
		m.links, m.calls, m.callSeconds, m.rest, m.restSeconds, m.events, m.slowReaders, m.barrages, m.barragesDropped, m.likes, m.likesDropped, m.relayErrors, m.hooks, m.hookSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("voiceroom_sessions_away", "Logins that wait for their client to come back.", func() float64 { return float64(s.away()) }),
		gauge("voiceroom_webhook_rooms_pending", "Rooms with callbacks that this node has to deliver.", func() float64 { return float64(s.hooks.Pending()) }),
		gauge("voiceroom_homes", "Rooms that this node decides.", func() float64 { return float64(s.node.Rooms()) }),
		gauge("voiceroom_connected_rooms", "Rooms that this node decides and that are connected with others.", func() float64 { return float64(s.node.Together().Connected) }),
		gauge("voiceroom_room_connections", "Connections of rooms, each counted at the node that decides its first room.", func() float64 { return float64(s.node.Together().Connections) }),
		gauge("voiceroom_battles", "Battles that run, each counted at the node that decides its first room.", func() float64 { return float64(s.node.Together().Battles) }),
		gauge("voiceroom_media_peers", "Members with media on this node.", func() float64 { return float64(s.media.Stats().Peers) }),
		gauge("voiceroom_media_tcp_connections", "Connections for media over TCP.", func() float64 { return float64(s.media.Stats().TCP) }),
		counter("voiceroom_media_packets_in_total", "Audio packets let in from speakers here.", func() uint64 { return s.media.Stats().In }),
		counter("voiceroom_media_packets_out_total", "Audio packets sent to members here.", func() uint64 { return s.media.Stats().Out }),
		counter("voiceroom_media_relay_in_total", "Audio packets from other nodes.", func() uint64 { return s.media.Stats().RelayIn }),
		counter("voiceroom_media_relay_out_total", "Audio packets to other nodes.", func() uint64 { return s.media.Stats().RelayOut }),
	)
	m.registry.MustRegister(mediaDrops(s)...)
	return m
}

// mediaDrops are the packets that were not forwarded, by reason.
func mediaDrops(s *Server) []prometheus.Collector {
	var list []prometheus.Collector
	for reason, count := range map[string]func(sfu.Drops) uint64{
		"not_speaker": func(d sfu.Drops) uint64 { return d.NotSpeaker },
		"malformed":   func(d sfu.Drops) uint64 { return d.Malformed },
		"too_large":   func(d sfu.Drops) uint64 { return d.TooLarge },
		"too_many":    func(d sfu.Drops) uint64 { return d.TooMany },
		"superseded":  func(d sfu.Drops) uint64 { return d.Superseded },
		"stale":       func(d sfu.Drops) uint64 { return d.Stale },
		"unsent":      func(d sfu.Drops) uint64 { return d.Unsent },
		"relay_bad":   func(d sfu.Drops) uint64 { return d.RelayBad },
	} {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "voiceroom_media_dropped_total", Help: "Audio packets not forwarded, by reason.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(count(s.media.Stats().Dropped)) }))
	}
	return list
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

var methods = map[string]bool{
	signaling.MethodLogin: true, signaling.MethodLogout: true, signaling.MethodPing: true, signaling.MethodCreateRoom: true,
	signaling.MethodJoinRoom: true, signaling.MethodLeaveRoom: true, signaling.MethodDismissRoom: true, signaling.MethodSendLike: true, signaling.MethodStatistics: true,
	signaling.MethodSnapshot: true, signaling.MethodTakeSeat: true, signaling.MethodLeaveSeat: true,
	signaling.MethodRespondRequest: true, signaling.MethodCancelRequest: true, signaling.MethodSetAudio: true,
	signaling.MethodRestartMedia: true, signaling.MethodMoveSeat: true, signaling.MethodInvite: true,
	signaling.MethodSetSelfInfo: true, signaling.MethodRenew: true, signaling.MethodGetRoom: true,
	signaling.MethodSendBarrage: true, signaling.MethodBarrageHistory: true, signaling.MethodListGifts: true, signaling.MethodSendGift: true, signaling.MethodGiftTotals: true,
	signaling.MethodMoveUser: true, signaling.MethodListRooms: true, signaling.MethodMute: true, signaling.MethodBan: true,
	signaling.MethodUnban: true, signaling.MethodListMuted: true, signaling.MethodListBanned: true, signaling.MethodAudit: true,
	signaling.MethodKickOffSeat: true, signaling.MethodLockSeat: true, signaling.MethodUpdateRoom: true,
	signaling.MethodSetMetadata: true, signaling.MethodDeleteMetadata: true,
	signaling.MethodFollow: true, signaling.MethodUnfollow: true, signaling.MethodCheckFollow: true,
	signaling.MethodFollowInfo: true, signaling.MethodFollowList: true,
	signaling.MethodChangeRole: true, signaling.MethodKickOut: true, signaling.MethodListMembers: true,
	signaling.MethodListAudience:      true,
	signaling.MethodRequestConnection: true, signaling.MethodCancelConnection: true, signaling.MethodAcceptConnection: true,
	signaling.MethodRejectConnection: true, signaling.MethodDisconnect: true, signaling.MethodMuteConnection: true,
	signaling.MethodRequestBattle: true, signaling.MethodCancelBattle: true, signaling.MethodAcceptBattle: true,
	signaling.MethodRejectBattle: true, signaling.MethodExitBattle: true,
}

func (m *metrics) called(method string, err error, took time.Duration) {
	if !methods[method] {
		method = "unknown" // a client must not be able to grow the list of labels
	}
	m.calls.WithLabelValues(method, strconv.Itoa(int(signaling.CodeOf(err)))).Inc()
	m.callSeconds.WithLabelValues(method).Observe(took.Seconds())
}

// rested notes a call of the REST API. Its names and codes are few.
func (m *metrics) rested(command string, code signaling.Code, took time.Duration) {
	m.rest.WithLabelValues(command, strconv.Itoa(int(code))).Inc()
	m.restSeconds.WithLabelValues(command).Observe(took.Seconds())
}

// calledBack notes an attempt to call an app's server back. Commands and outcomes are few.
func (m *metrics) calledBack(command, outcome string, took time.Duration) {
	m.hooks.WithLabelValues(command, outcome).Inc()
	if outcome != webhook.Unwanted {
		m.hookSeconds.WithLabelValues(outcome).Observe(took.Seconds())
	}
}
