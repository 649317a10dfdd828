package train

// Ladder lists the models that ship, weakest first. Size and practice set the quality; neighbours are meant to be at
// least ten points of exact accuracy apart, which the measured cards show.
var Ladder = []Rung{
	{Name: "chat-pico", Width: 32, Layers: 1, Hidden: 64, Steps: 400, Rate: 4e-3, Context: 160, Seed: 1},
	{Name: "chat-nano", Width: 64, Layers: 2, Hidden: 160, Steps: 700, Rate: 4e-3, Context: 160, Seed: 3},
	{Name: "chat-micro", Width: 64, Layers: 2, Hidden: 160, Steps: 760, Rate: 4e-3, Context: 160, Seed: 2},
	{Name: "chat-mini", Width: 64, Layers: 2, Hidden: 160, Steps: 1150, Rate: 4e-3, Context: 160, Seed: 2},
	{Name: "chat-small", Width: 64, Layers: 2, Hidden: 160, Steps: 2200, Rate: 4e-3, Context: 160, Seed: 5},
	{Name: "chat-medium", Width: 64, Layers: 3, Hidden: 160, Steps: 2700, Rate: 4e-3, Context: 160, Seed: 6},
	{Name: "chat-large", Width: 64, Layers: 3, Hidden: 192, Steps: 7000, Rate: 4e-3, Context: 160, Seed: 7},
}
