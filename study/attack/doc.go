// Package attack plays markets of open models in which somebody cheats, on the mechanism as it is (mechanism/frontier), and measures
// what he gains beside honest behaviour. Same seed, same figures.
package attack
