// Package giftorder sends gifts, and has the app agree to them before anybody sees one.
//
// Where an app has a billing URL a gift is an order, which is a value of the store from before the app is asked until the
// gift is in the room's log:
//
//	asking -> paid -> shown            the app has agreed
//	asking -> refused                  it has not; where it was asked before, to an answer that nobody knows, see Returns
//	asking -> unanswered               it has not answered in time, and may have taken the coins: see Returns
//	asking -> lost, paid -> lost       the room has ended before: likewise
//
// An order is changed by compare-and-set, so whoever goes on with it, only one does. That is whoever has made it, whoever
// repeats the call with the same key, or a sweep that finds it some seconds later: its node may have died at any moment. An
// app that may not have answered is asked again, with the same id. That a gift is in the log is noted by the room's home,
// which keeps the log until that is done: a gift is in the log, or its order says so, and is not shown twice.
package giftorder
