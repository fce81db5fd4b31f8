// Package gift has an app's gifts: what can be sent in its rooms, what each costs, and what it is called in which language.
//
// An app's catalogue is one value in the store, changed by compare-and-set from any node, and read again by every node
// when the store says that something has changed. An app without one has the server's, which is the small one in
// default.json unless the server is started with another.
package gift
