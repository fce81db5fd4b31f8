package server

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// listGifts shows what can be sent in the app's rooms. It has the rate of the other lists.
func (ses *session) listGifts(ctx context.Context, p signaling.GiftListParams) (signaling.GiftListResult, error) {
	if !ses.lists.Allow() {
		return signaling.GiftListResult{}, signaling.ErrFreqLimit
	}
	res, err := ses.srv.catalogues.List(ctx, ses.app, p, listBytes)
	return res, storeAway(err)
}
