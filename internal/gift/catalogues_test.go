package gift_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app signaling.AppID = 1

// inner gives the store a name that its methods do not have.
type inner = store.Values

// counted counts the reads of a store, and fails them when told to.
type counted struct {
	inner
	reads atomic.Int64
	fail  atomic.Bool
}

func (c *counted) Get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	c.reads.Add(1)
	if c.fail.Load() {
		return store.Value{}, errors.New("no disk")
	}
	return c.inner.Get(ctx, key)
}

// nodes are the catalogues of n nodes on one store, in a bubble.
func nodes(t *testing.T, n int) ([]*gift.Catalogues, []*counted) {
	c := memstore.New()
	all, stores := make([]*gift.Catalogues, n), make([]*counted, n)
	for i := range all {
		node := c.Node()
		stores[i] = &counted{inner: node}
		var err error
		all[i], err = gift.New(gift.Config{Values: stores[i]})
		require.NoError(t, err)
		t.Cleanup(func() {
			all[i].Close()
			require.NoError(t, node.Close())
		})
	}
	return all, stores
}

func one(id string, coins int64) gift.Catalogue {
	return gift.Catalogue{Gifts: []gift.Gift{{GiftInfo: signaling.GiftInfo{GiftID: id, Name: "A " + id, Coins: coins}}}}
}

func TestAnAppWithoutACatalogueHasTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		g, err := all[0].Gift(t.Context(), app, "rose")
		require.NoError(t, err)
		require.Equal(t, "Rose", g.Name)
		require.EqualValues(t, 1, g.Coins)
		require.Equal(t, "🌹", g.ExtensionInfo["emoji"])
		_, err = all[0].Gift(t.Context(), app, "submarine")
		require.ErrorIs(t, err, signaling.ErrGiftNotFound)

		require.NoError(t, all[0].Set(t.Context(), app, one("submarine", 7)))
		_, err = all[0].Gift(t.Context(), app, "rose")
		require.ErrorIs(t, err, signaling.ErrGiftNotFound, "an app's own catalogue replaces the server's")
		g, err = all[0].Gift(t.Context(), 2, "rose")
		require.NoError(t, err, "other apps have theirs")
		require.Equal(t, "rose", g.GiftID)

		require.NoError(t, all[0].Delete(t.Context(), app))
		require.NoError(t, all[0].Delete(t.Context(), app), "there is none any more, which is no error")
		_, err = all[0].Gift(t.Context(), app, "rose")
		require.NoError(t, err)
	})
}

func TestADisabledGiftCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		cat := one("submarine", 7)
		cat.Gifts[0].Disabled = true
		require.NoError(t, all[0].Set(t.Context(), app, cat))
		_, err := all[0].Gift(t.Context(), app, "submarine")
		require.ErrorIs(t, err, signaling.ErrGiftNotFound)
		require.ErrorContains(t, err, "disabled")
	})
}

// What one node has changed the others know as soon as the store has told them, and in between they read nothing.
func TestNodesKnowChangesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, stores := nodes(t, 3)
		price := func(n int) int64 {
			g, err := all[n].Gift(t.Context(), app, "submarine")
			require.NoError(t, err)
			return g.Coins
		}
		for coins := range int64(3) {
			require.NoError(t, all[coins].Set(t.Context(), app, one("submarine", coins)))
			require.Equal(t, coins, price(int(coins)), "the node that has changed it has it at once")
			synctest.Wait() // the store's hint
			for n := range all {
				require.Equal(t, coins, price(n))
			}
		}
		before := stores[0].reads.Load()
		for range 100 {
			price(0)
		}
		require.Equal(t, before, stores[0].reads.Load())

		time.Sleep(11 * time.Second)
		price(0)
		require.Equal(t, before+1, stores[0].reads.Load(), "the hint may have been lost")
	})
}

func TestAStoreThatFailsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, stores := nodes(t, 1)
		stores[0].fail.Store(true)
		_, err := all[0].Gift(t.Context(), app, "rose")
		require.ErrorContains(t, err, "no disk", "an app that has its own catalogue would be shown another")
		stores[0].fail.Store(false)
		_, err = all[0].Gift(t.Context(), app, "rose")
		require.NoError(t, err)
	})
}

func TestOfManyChangesAtOnceNoneIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 3)
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				assert.NoError(t, all[i%3].Change(t.Context(), app, func(c *gift.Catalogue) error {
					c.Gifts = append(c.Gifts, one(string(rune('A'+i)), 1).Gifts...)
					return nil
				}))
			})
		}
		wg.Wait()
		cat, own, err := all[0].Get(t.Context(), app)
		require.NoError(t, err)
		require.True(t, own)
		require.Len(t, cat.Gifts, 30)
	})
}

// The largest catalogue that is allowed fits into a value of the store, however its characters are written in JSON.
func TestTheLargestCatalogueFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		c := gift.Catalogue{Gifts: make([]gift.Gift, gift.MaxGifts)}
		for i := range c.Gifts {
			c.Gifts[i].GiftInfo = signaling.GiftInfo{GiftID: fmt.Sprint(i), Name: "<", Desc: strings.Repeat("<", 150)}
		}
		text, err := json.Marshal(c)
		require.NoError(t, err)
		for i := 0; len(text) <= gift.MaxBytes-500; i++ { // a name is 60 bytes, which are 360 in JSON
			c.Gifts[i].Name = strings.Repeat("<", gift.MaxName)
			text, err = json.Marshal(c)
			require.NoError(t, err)
		}
		more := gift.Catalogue{Gifts: slices.Clone(c.Gifts)}
		for i := range 2 {
			more.Gifts[len(more.Gifts)-1-i].Name = strings.Repeat("<", gift.MaxName)
		}
		require.ErrorIs(t, more.Check(), signaling.ErrLimit)
		require.NoError(t, all[0].Set(t.Context(), app, c))
		got, _, err := all[0].Get(t.Context(), app)
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		require.NoError(t, all[0].Set(t.Context(), app, one("submarine", 7)))
		require.ErrorIs(t, all[0].Set(t.Context(), app, one("", 7)), signaling.ErrBadRequest)
		cat, own, err := all[0].Get(t.Context(), app)
		require.NoError(t, err)
		require.True(t, own)
		require.Equal(t, one("submarine", 7), cat)
	})
}

// The path of every gift that is sent allocates nothing while nothing changes.
func TestGiftAllocatesNothing(t *testing.T) {
	c := memstore.New()
	node := c.Node()
	defer func() { require.NoError(t, node.Close()) }()
	all, err := gift.New(gift.Config{Values: node})
	require.NoError(t, err)
	defer all.Close()
	ctx := t.Context()
	_, err = all.Gift(ctx, app, "rose")
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, err = all.Gift(ctx, app, "rose") }))
	require.NoError(t, err)
}
