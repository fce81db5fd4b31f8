// Package account keeps the accounts of the apps with their profiles, and who administers an app: what the documents'
// account system and its console do, without HTTP. All of it is in [store.Values], each value changed by
// compare-and-set, so any node may change it and none forgets what another has done.
//
// Refusals are *signaling.Error with the documents' codes; other errors are the store's.
package account
