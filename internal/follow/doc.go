// Package follow keeps who follows whom, apart from all rooms: the relations of an app's users, both of their lists, and
// their counts, in [store.Values].
//
// What a user follows is one value, changed by compare-and-set: the truth. Who follows a user is an index made of it, a
// value as long as they are few, and beyond that one more value for each of 256 groups of them, so that to follow somebody
// with 100,000 followers costs what it always costs. The two cannot be written at once, so a change is announced in the
// index first, then made, and then taken over into the index:
//
//  1. the index of the followed notes that the follower is about to change something;
//  2. the follower's own value changes: now it has happened;
//  3. the index takes over what that value says, and the note is gone.
//
// Whoever reads the index asks for each note what the truth is. So a reader never sees half of a change, wherever a node
// dies, and counts are lengths of lists and cannot drift. A note that is old is removed by its reader, after it has stored
// the follower's value once more as it was: if its writer lives after all, its own write is refused by that, and it begins
// anew. Nothing is ever deleted, only emptied: a key without a value would forget its revisions, and with them who is late.
package follow
