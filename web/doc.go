// Package web is what a person sees of the market: pages rendered on the server, served beside the gateway.
//
//	/                  the network's pulse, its subnets and validators, and a box to ask the market
//	/subnets/NETUID    one subnet's miners, moving live
//	/subnets/NETUID/models         its open models: capability over size, who holds and held which place
//	/subnets/NETUID/models/DIGEST  one of them: card, servers, its latest questions with its answers
//	/validators        who judges, with what stake, trust and dividends
//	/try               ask the market
//
// Every page is whole without JavaScript, apart from the box and the plots, and every table is also JSON: at the same
// address with ?format=json, or with .json behind it. Nothing is fetched from other servers.
package web
