package types

// MaxAbsence is for how many tempos a voice that does not speak, or has lost its permit, as in jail, keeps its seat and
// its bonds.
const MaxAbsence = 20
