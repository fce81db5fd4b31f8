package pionlog

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLevels(t *testing.T) {
	var out bytes.Buffer
	l := Factory(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).NewLogger("ice")
	l.Trace("t")
	l.Debugf("%d", 1)
	assert.Empty(t, out.String())
	l.Warnf("slow %d", 2)
	assert.Contains(t, out.String(), `level=DEBUG msg="slow 2" pion=ice`)
	l.Error("broken 100%")
	assert.Contains(t, out.String(), `level=WARN msg="broken 100%" pion=ice`)
	Factory(nil).NewLogger("x").Error("nowhere")
	assert.NotNil(t, Or(nil))
}
