package demo_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/demo"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the scenario on virtual time, with a codec for each of the two.
func play(t *testing.T, host, guest audio.Codec) demo.Report {
	t.Helper()
	srv := voiceroomtest.NewServer(t)
	cfg := demo.Config{
		Host: srv.EngineConfig(t, 0, "host"), Guest: srv.EngineConfig(t, 0, "guest"), Room: "demo",
		HostSays: speech.Host(), GuestSays: speech.Guest(), OnStep: func(s demo.Step) { t.Log(s) },
	}
	cfg.Host.Codec, cfg.Guest.Codec = host, guest
	return demo.Run(t.Context(), cfg)
}

func TestScenario(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report := play(t, audio.MuLaw, audio.MuLaw)
		require.True(t, report.OK, "%+v", report)
		require.Len(t, report.Directions, 2)
	})
}

// deaf decodes everything to silence.
type deaf struct{ audio.Codec }

func (d deaf) NewDecoder(channels int) (audio.Decoder, error) {
	dec, err := d.Codec.NewDecoder(channels)
	return silence{dec}, err
}

type silence struct{ audio.Decoder }

func (s silence) Decode(p []byte, f audio.Frame) error {
	err := s.Decoder.Decode(p, f)
	clear(f)
	return err
}

// Packets that arrive are not enough: somebody who does not hear what was said makes the scenario fail, at that step, and
// everything is cleaned up.
func TestScenarioFailsWhenSomebodyDoesNotHear(t *testing.T) {
	for name, tc := range map[string]struct {
		host, guest audio.Codec
		step        string
		directions  int
	}{
		"the guest": {audio.MuLaw, deaf{audio.MuLaw}, "guest hears host", 1},
		"the host":  {deaf{audio.MuLaw}, audio.MuLaw, "host hears guest", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report := play(t, tc.host, tc.guest)
				require.False(t, report.OK)
				last := report.Steps[len(report.Steps)-1]
				require.Equal(t, tc.step, last.Name)
				require.False(t, last.OK)
				require.True(t, strings.Contains(last.Error, "NOT OK"), last.Error)
				require.Len(t, report.Directions, tc.directions)
				require.False(t, report.Directions[tc.directions-1].OK)
			})
		})
	}
}
