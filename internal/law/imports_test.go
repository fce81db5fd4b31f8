package law

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// imports are the laws about who needs whom, directly or through others. A path of this module is written without the
// module's; one that ends in /... includes what is below it.
var imports = []struct {
	name   string
	who    []string
	except []string
	never  []string
	why    string
}{
	{
		name: "the server does not stand on the client",
		who: []string{
			"cmd/voiceroomd", "internal/server/...", "internal/home/...", "internal/room/...", "internal/store/...",
			"internal/sfu/...", "internal/adminapi/...", "internal/webhook/...", "internal/account", "internal/record", "internal/battle", "internal/connection", "internal/follow", "internal/gift", "internal/giftorder",
		},
		never: []string{"voiceroom/...", "seatgrid/...", "engine/...", "internal/rtc/...", "internal/dispatch/..."},
		why:   "what both sides share is the wire; a server that leans on its client cannot serve another one",
	},
	{
		name:   "the SDK does not carry the server",
		who:    []string{"voiceroom/...", "seatgrid/...", "engine/...", "signaling/...", "audio/...", "internal/rtc/...", "internal/dispatch/..."},
		except: []string{"voiceroom/voiceroomtest/..."}, // starts a server for tests
		never: []string{
			"internal/room/...", "internal/home/...", "internal/store/...", "internal/sfu/...", "internal/server/...",
			"internal/adminapi/...", "internal/webhook/...", "internal/account", "internal/record", "internal/battle", "internal/connection", "internal/follow", "internal/gift", "internal/giftorder", "internal/roomlist", "github.com/nats-io/nats-server/v2/...", "github.com/nats-io/nats.go/...",
		},
		why: "an app that talks in rooms must not link a database, and must know a room from the wire alone",
	},
	{
		name:  "signaling is the bottom",
		who:   []string{"signaling/..."},
		never: []string{"github.com/pion/...", "audio/...", "internal/..."},
		why:   "a moderator's bot and an app's token server link neither media nor audio",
	},
	{
		name:  "the SDK's layers",
		who:   []string{"engine/...", "internal/rtc/...", "internal/dispatch/..."},
		never: []string{"seatgrid/...", "voiceroom/..."},
		why:   "imports point one way: voiceroom, seatgrid, engine, signaling",
	},
	{
		name:  "the grid below the kit",
		who:   []string{"seatgrid/..."},
		never: []string{"voiceroom/..."},
		why:   "imports point one way: voiceroom, seatgrid, engine, signaling",
	},
	{
		name:   "nothing but a command chooses the codec, the sound card and what cleans voices",
		who:    []string{"voiceroom/...", "seatgrid/...", "engine/...", "audio/...", "signaling/...", "internal/server/...", "internal/sfu/...", "internal/home/...", "cmd/voiceroomd", "internal/tui", "internal/doctor", "internal/bot"},
		except: []string{"audio/opus/...", "audio/portaudio/...", "audio/speex/...", "voiceroom/voiceroomtest/..."},
		never:  []string{"audio/opus/...", "audio/portaudio/...", "audio/speex/...", "github.com/hraban/opus/...", "github.com/gordonklaus/portaudio/..."},
		why:    "they need cgo and C libraries; a silent bot and the plain server build without",
	},
	{
		name:  "the terminal, the doctor and the bot are clients",
		who:   []string{"internal/tui", "internal/doctor", "internal/bot"},
		never: []string{"internal/server/...", "internal/home/...", "internal/room/...", "internal/store/...", "internal/sfu/...", "github.com/alecthomas/kong"},
		why:   "what they find must be what every client finds, over the wire; flags are the commands' own",
	},
	{
		name:  "nobody needs a terminal but who draws on one",
		who:   []string{"voiceroom/...", "seatgrid/...", "engine/...", "audio/...", "signaling/...", "internal/server/...", "cmd/voiceroomd", "internal/doctor", "internal/bot"},
		never: []string{"charm.land/bubbletea/v2", "charm.land/lipgloss/v2", "internal/tui"},
		why:   "the SDK and the server run where there is none",
	},
	{
		name:  "audio takes only the containers from pion",
		who:   []string{"audio", "audio/effects", "audio/music"},
		never: []string{"github.com/pion/webrtc/v4", "github.com/pion/ice/v4/...", "github.com/pion/dtls/v3/...", "github.com/pion/srtp/v3/...", "github.com/pion/interceptor/...", "signaling/...", "internal/..."},
		why:   "audio is arithmetic on frames, and usable without a room",
	},
	{
		name:  "what rates a line is arithmetic",
		who:   []string{"internal/emodel/...", "internal/netquality/..."},
		never: []string{"github.com/pion/...", "audio/...", "engine/...", "internal/server/...", "internal/sfu/...", "internal/rtc/..."},
		why:   "server and SDK rate by the same tables, so these lean on neither",
	},
	{
		name:  "the REST API decides nothing",
		who:   []string{"internal/adminapi"},
		never: []string{"internal/server/...", "internal/home/...", "internal/store/memstore/...", "internal/store/natsstore/...", "internal/sfu/...", "github.com/pion/..."},
		why:   "it makes commands of calls; who carries them out is handed to it",
	},
	{
		name:  "accounts, battles, connections and gifts are values of a store",
		who:   []string{"internal/account", "internal/record", "internal/battle", "internal/connection", "internal/gift"},
		never: []string{"internal/server/...", "internal/home/...", "internal/room/...", "internal/adminapi/...", "internal/sfu/...", "internal/store/memstore/...", "internal/store/natsstore/...", "net/http"},
		why:   "their rules are the same whoever asks, over REST or from a room, and whichever store keeps them",
	},
	{
		name:  "the order of rooms is arithmetic",
		who:   []string{"internal/roomlist"},
		never: []string{"internal/server/...", "internal/home/...", "internal/room/...", "internal/store/...", "internal/adminapi/...", "engine/...", "net/http"},
		why:   "the REST API and clients are shown one list, and whoever has rooms can sort them",
	},
	{
		name:  "orders of gifts are values of a store, and are shown by the rooms' homes",
		who:   []string{"internal/giftorder"},
		never: []string{"internal/server/...", "internal/adminapi/...", "internal/webhook/...", "internal/battle", "internal/gift", "internal/sfu/...", "internal/store/memstore/...", "internal/store/natsstore/...", "net/http"},
		why:   "who is asked, what a gift costs and what it scores are handed to it: its part is that each gift is paid and shown once",
	},
	{
		name:  "callbacks tell what has been decided",
		who:   []string{"internal/webhook"},
		never: []string{"internal/server/...", "internal/adminapi/...", "internal/sfu/...", "github.com/pion/..."},
		why:   "they read the rooms' outboxes and call apps' servers; nothing waits for them",
	},
	{
		name:  "nobody below the server knows of callbacks",
		who:   []string{"internal/home/...", "internal/room/...", "internal/store/...", "internal/adminapi"},
		never: []string{"internal/webhook/..."},
		why:   "the home fills an outbox for whoever reads it, and the REST API sees an interface",
	},
	{
		name:  "what plays the documents' cases is a client",
		who:   []string{"internal/conformance/..."},
		never: []string{"internal/server/...", "internal/adminapi/...", "internal/room/...", "internal/home/...", "internal/store/...", "internal/sfu/...", "engine/..."},
		why:   "it plays them against any server, and what it expects is the documents' and not our code's",
	},
	{
		name:  "who follows whom is bound to no room and to no wire",
		who:   []string{"internal/follow"},
		never: []string{"internal/server/...", "internal/home/...", "internal/room/...", "internal/account", "internal/adminapi/...", "internal/sfu/...", "github.com/pion/..."},
		why:   "it keeps relations in the store's values; names, events and rates are the server's",
	},
	{
		name:  "the rules and the homes do not know the database",
		who:   []string{"internal/room/...", "internal/home/...", "internal/follow", "internal/server/...", "internal/webhook/...", "internal/store", "internal/store/memstore/..."},
		never: []string{"internal/store/natsstore/...", "github.com/nats-io/nats.go/...", "github.com/nats-io/nats-server/v2/..."},
		why:   "they run on virtual time with the memory store, where NATS cannot; only the command chooses a store",
	},
}

// later are packages of the plan that a law speaks of before they exist.
var later = []string{
	"voiceroom", "voiceroom/voiceroomtest", "seatgrid",
}

func TestImports(t *testing.T) {
	all := listed(t)
	for _, law := range imports {
		t.Run(law.name, func(t *testing.T) {
			for _, pattern := range slices.Concat(law.who, law.except, law.never) {
				assert.True(t, exists(all, pattern), "this law speaks of %s, which does not exist: correct the law, or add it to the list of what comes later", pattern)
			}
			for name, p := range all {
				if !strings.HasPrefix(name, module) || !matchAny(law.who, name) || matchAny(law.except, name) {
					continue
				}
				for _, dep := range p.Deps {
					if matchAny(law.never, dep) && !all[dep].Standard {
						t.Errorf("%s must not import %s (%s): %s", trim(name), trim(dep), chain(all, name, dep), law.why)
					}
				}
			}
		})
	}
}

// exists tells whether a pattern is about anything. What no package needs is not listed: the module's own packages are.
func exists(all map[string]pkg, pattern string) bool {
	if slices.Contains(later, strings.TrimSuffix(pattern, "/...")) || pattern == "internal/..." {
		return true
	}
	for name := range all {
		if match(pattern, name) {
			return true
		}
	}
	return false
}

func trim(name string) string { return strings.TrimPrefix(name, module+"/") }

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

// match tells whether a package is meant by a pattern of the table.
func match(pattern, name string) bool {
	name = trim(name)
	below, tree := strings.CutSuffix(pattern, "/...")
	return name == below || tree && strings.HasPrefix(name, below+"/")
}

// chain shows one way from a package to what it needs.
func chain(all map[string]pkg, from, to string) string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range all[queue[0]].Imports {
			if _, seen := before[next]; seen {
				continue
			}
			before[next] = queue[0]
			queue = append(queue, next)
		}
	}
	way := trim(to)
	for p := before[to]; p != ""; p = before[p] {
		way = trim(p) + " > " + way
	}
	return way
}

// owners are the imports that have one home each, tests included.
var owners = []struct {
	path  string
	only  []string
	why   string
	later bool
}{
	{"github.com/hraban/opus", []string{"audio/opus"}, "cgo stays in its leaf, behind audio's interfaces", false},
	{"github.com/gordonklaus/portaudio", []string{"audio/portaudio"}, "cgo stays in its leaf, behind audio's interfaces", false},
	{"C", []string{"audio/opus", "audio/portaudio", "audio/speex"}, "everything else builds without a C compiler", false},
	{"unsafe", nil, "nothing here is worth it", true},
	{"github.com/nats-io/nats-server/v2/server", []string{"internal/store/natsstore"}, "one package knows the database", false},
	{"github.com/nats-io/nats.go", []string{"internal/store/natsstore"}, "one package knows the database", false},
	{"github.com/alecthomas/kong", []string{"cmd/voiceroomd", "cmd/voiceroom"}, "flags are the commands' own", false},
	{"charm.land/bubbletea/v2", []string{"internal/tui"}, "one package draws on a terminal", false},
	{"log", []string{"examples/..."}, "the log is a *slog.Logger that the caller hands over", true},
	{"encoding/json/v2", nil, "it is an experiment of Go 1.26", true},
	{"github.com/hajimehoshi/go-mp3", []string{"audio"}, "it panics at garbage; audio catches that", false},
	{"math/rand", nil, "use math/rand/v2", true},
}

func TestImportsWithOneHome(t *testing.T) {
	for _, law := range owners {
		t.Run(law.path, func(t *testing.T) {
			found := false
			for _, s := range parsed(t) {
				if s.imported(law.path) == "" {
					continue
				}
				found = true
				if !matchAny(law.only, s.dir()) {
					t.Errorf("%s must not import %s (only %v may): %s", s.path, law.path, law.only, law.why)
				}
			}
			assert.True(t, found || law.later, "nobody imports %s any more: this law is about nothing", law.path)
		})
	}
}

func TestTestLibrariesStayInTests(t *testing.T) {
	for _, s := range parsed(t) {
		for _, lib := range []string{"testing", "github.com/stretchr/testify/assert", "github.com/stretchr/testify/require", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/anishathalye/porcupine", "github.com/santhosh-tekuri/jsonschema/v6"} {
			if !s.test() && s.imported(lib) != "" {
				t.Errorf("%s must not import %s: no user links what only tests need", s.path, lib)
			}
		}
	}
}

func TestAudioNeedsNoC(t *testing.T) {
	all := listed(t)
	for pkg, law := range map[string]struct {
		allowed []string
		why     string
	}{
		"audio": {
			[]string{module + "/audio/red", "github.com/pion/rtp", "github.com/pion/webrtc/v4/pkg/media/oggwriter", "github.com/hajimehoshi/go-mp3"},
			"it is arithmetic on frames",
		},
		"audio/music":   {[]string{module + "/audio"}, "it plays files into frames and knows nothing else"},
		"audio/effects": {[]string{module + "/audio"}, "it changes frames and knows nothing else: a bot or a file can be changed without a room"},
	} {
		p, ok := all[module+"/"+pkg]
		if !ok {
			t.Fatalf("this law is about nothing: there is no package %s", pkg)
		}
		for _, name := range append(p.Deps, p.ImportPath) {
			if dep := all[name]; !dep.Standard && len(dep.CgoFiles) > 0 {
				t.Errorf("%s needs %s, which has cgo: only audio's leaves may", pkg, name)
			}
		}
		for _, name := range p.Imports {
			if !all[name].Standard && !slices.Contains(law.allowed, name) {
				t.Errorf("%s imports %s, and may take nothing but %v: %s", pkg, name, law.allowed, law.why)
			}
		}
	}
}
