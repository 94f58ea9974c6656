// Package storm proves on the whole running program that no picture of one camera is ever shown as another's, nor to
// somebody without the grant: while cameras, workers, people, their rights and the program itself come and go, a
// crowd of viewers asks for everything, and every answer is held against what was asked and what was granted then.
package storm
