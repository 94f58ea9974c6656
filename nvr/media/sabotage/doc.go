// Package sabotage plants faults, for tests that show that no mix-up of cameras ends in a picture. It does so only in
// builds with the tag sabotage. In all others its functions give back what they are given, and the compiler leaves
// nothing of them: TestShippedProgramHoldsNoFault looks.
package sabotage

// Fault is a place where two cameras can be mixed up.
type Fault uint8

// The faults.
const (
	IndexRow     Fault = iota + 1 // the index gives the other camera's file
	KeyFollows                    // a file is opened with the key of whose it is, and not of who was asked for
	StoreCamera                   // storage takes the other camera for that of the grant, all through
	ThumbPointer                  // an event points at the other camera's thumbnail
	EventRow                      // the index gives the other camera's events
	Journal                       // the index's journal exchanges two cameras
	KeyCache                      // the other camera's key is given
	FileCache                     // a cache of open files knows them by their time only
	PieceMixed                    // pieces of two cameras come in turns
	PasswordRow                   // the other camera's sealed password is in the record
	Sinks                         // what one camera sends goes to the other's recorder, viewers and worker
	WriterRun                     // a recorder's run is another camera's
	Running                       // the table of running cameras gives the other one
	GOPCache                      // a new viewer gets the other camera's last pictures
	PipeIn                        // a worker is fed from the other camera's queue
	PipeOut                       // a worker's answers are read by the other camera's side
	Books                         // a worker's finds go into the other camera's book
	NewsLabel                     // news of one camera bear the other's name
	DoorCamera                    // the door asks for another camera than the path's
	DoorSession                   // a request gets the session of another one
)
