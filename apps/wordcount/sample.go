package main

import _ "embed"

// sample is the Declaration of Independence of the United States of America (1776), public domain: the text of the
// engrossed parchment as the US National Archives transcribe it, with its spelling, broken into lines here.
//
//go:embed sample.txt
var sample string

// sampleSource names it.
const sampleSource = "the US Declaration of Independence"
