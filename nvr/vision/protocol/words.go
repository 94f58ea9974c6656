package protocol

// Why a worker is in its mode. Nothing else is accepted.
const (
	WhyNoKey   = "no key frame has come yet"
	WhyStill   = "nothing moves"
	WhyMovesOn = "it moves on, so key frames will do"
	WhyBehind  = "the machine is behind"

	WhyKey     = "a key frame changed"
	WhyPicture = "a picture changed"
	WhySize    = "a picture's size jumped"
	WhyQuality = "a picture's quality dropped"
	WhyDoubt   = "something small stirred"
	WhyRevisit = "what moves is looked at again"
	WhyAsked   = "you asked for it"
)

// Whys are all of these.
var Whys = []string{
	"", WhyNoKey, WhyStill, WhyMovesOn, WhyBehind, WhyKey, WhyPicture, WhySize, WhyQuality, WhyDoubt, WhyRevisit, WhyAsked,
}

// Why the sizes of pictures are trusted to foretell motion, or not.
const (
	HintGood   = "they have foretold what moved"
	HintCoarse = "they do not go with what moves, but how coarsely pictures are coded does"
	HintYoung  = "too little has moved yet to learn from"
	HintChance = "they do not go with what moves: the camera fills its bit rate, or its picture is noisy"
	HintWrong  = "they were wrong too often lately"
	HintNone   = "every picture stands alone"
)

// Hints are all of these.
var Hints = []string{"", HintGood, HintCoarse, HintYoung, HintChance, HintWrong, HintNone}
