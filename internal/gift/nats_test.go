package gift_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// On the disk: a large catalogue is kept over a restart, with its revision.
func TestOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	open := func() (*gift.Catalogues, func()) {
		s, err := natsstore.Open(t.Context(), natsstore.Config{Dir: dir})
		require.NoError(t, err)
		c, err := gift.New(gift.Config{Values: s})
		require.NoError(t, err)
		return c, func() {
			c.Close()
			require.NoError(t, s.Close())
		}
	}
	large := gift.Catalogue{Gifts: make([]gift.Gift, gift.MaxGifts), Categories: []gift.Category{{CategoryID: "k", Name: "K"}}}
	for i := range large.Gifts {
		large.Gifts[i].GiftInfo = signaling.GiftInfo{GiftID: fmt.Sprint(i), Name: "n", Desc: strings.Repeat("<", 150)}
		large.Categories[0].GiftIDs = append(large.Categories[0].GiftIDs, fmt.Sprint(i))
	}
	c, end := open()
	require.NoError(t, c.Set(t.Context(), app, large))
	before, err := c.List(t.Context(), app, signaling.GiftListParams{}, 1<<20)
	require.NoError(t, err)
	end()

	c, end = open()
	defer end()
	got, own, err := c.Get(t.Context(), app)
	require.NoError(t, err)
	require.True(t, own)
	require.Equal(t, large, got)
	after, err := c.List(t.Context(), app, signaling.GiftListParams{Revision: before.Revision}, 1<<20)
	require.NoError(t, err)
	require.True(t, after.Unchanged)
	require.NoError(t, c.Delete(t.Context(), app))
	_, err = c.Gift(t.Context(), app, "rose")
	require.NoError(t, err, "the server's are in use again")
}
