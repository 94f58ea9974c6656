// Package ledger keeps what is gone of one camera's files on one volume, so that the chain of hashes can be followed over
// files that were let go of, and records that were let go of are told from lost ones, also when index.db is lost.
//
// Words: a *tomb* stands for files that are gone whole, one behind the other in the chain; a *hole* for records that are
// gone, or known to be damaged, of a file that is still there. Both are written on *pages*: a page of a day,
// media/<camera>/<day>/gone, as long as that day has files, and the camera's page, media/<camera>/gone, for the days that
// have none any more. So what is written again at each letting go is one day's.
//
// A page is sealed with the camera's key and written whole, beside its last version and then in its place. It is written
// before a file is removed or a hole is punched: what is gone and not in a ledger was lost. The reverse may be: a record
// in a hole can still be there after a power cut.
//
// A Ledger belongs to one goroutine, and only one at a time may write a camera's.
package ledger
