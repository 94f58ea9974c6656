package sim

import (
	"math/rand/v2"
	"time"
)

// Scene is what a drawn camera sees: a place, and somebody who walks through now and then. Times are since the
// server's start. Do not change it once a camera uses it.
type Scene struct {
	Title string // drawn into the picture's corner
	// First is when the first visit begins, Every how long after that the next one does, give or take a tenth.
	// Every 0 means that nobody ever comes.
	First, Every time.Duration
	// Noise is the sensor noise's standard deviation in luma steps (0–219) at 720 rows; smaller pictures have less.
	Noise float64
	// Seed varies the noise and when exactly visits begin.
	Seed uint64

	place place
}

// Visit is one passage of something through the picture: from the first moment any of it shows to the last.
type Visit struct {
	Kind     string // person, cat or car
	From, To time.Duration
}

// Yard is one of the drawn places, numbered from 0; the same number is always the same. After the last place they begin
// again in another light.
func Yard(n int) *Scene {
	p := places(n)
	return &Scene{
		Title: p.title,
		First: 12*time.Second + time.Duration(n%3)*2*time.Second,
		Every: 45 * time.Second,
		Noise: 2.2,
		Seed:  uint64(n),
		place: p,
	}
}

// Spans lists the visits that touch [from, to).
func (s *Scene) Spans(from, to time.Duration) []Visit {
	var visits []Visit
	if s.Every <= 0 {
		return nil
	}
	k := max(0, int64((from-s.First)/s.Every)-2)
	for ; ; k++ {
		v, _ := s.visit(k)
		if v.From >= to {
			return visits
		}
		if v.To > from {
			visits = append(visits, v)
		}
	}
}

// MovesAt says whether something that moves is in the picture.
func (s *Scene) MovesAt(t time.Duration) bool {
	_, _, ok := s.during(t)
	return ok
}

// visit is the k-th visit and the way it takes.
func (s *Scene) visit(k int64) (Visit, *walk) {
	w := &s.place.walks[k%int64(len(s.place.walks))]
	from := s.First + time.Duration(k)*s.Every
	if k > 0 {
		r := rand.New(rand.NewPCG(s.Seed, uint64(k)))
		from += time.Duration((r.Float64()*0.2 - 0.1) * float64(s.Every))
	}
	return Visit{Kind: w.kind, From: from, To: from + w.lasts()}, w
}

// during is the visit that goes on at t, and the way it takes.
func (s *Scene) during(t time.Duration) (Visit, *walk, bool) {
	if s.Every <= 0 {
		return Visit{}, nil, false
	}
	for k := max(0, int64((t-s.First)/s.Every)-1); ; k++ {
		v, w := s.visit(k)
		if t < v.From {
			return Visit{}, nil, false
		}
		if t < v.To {
			return v, w, true
		}
	}
}
