package wire

// BurstHeader marks a request of a burst, with which all voices measure a server at one moment: the moment's block.
const BurstHeader = "X-Agora-Burst"
