// Package emission decides how much money comes into being and whose it is:
// the issuance curve, its division among subnets, and a subnet's division among
// its owner, its miners and its validators.
//
// Everything is integer arithmetic on rao (1 TAO = 10⁹ rao). Every division
// names what it leaves over, so that no rao is lost or made.
//
// Issuance. With I the rao that exist and S the cap of 21·10¹⁵, the reward per
// twelve seconds is
//
//	reward · 2^−h,   h = floor(log2(S / (S − I)))
//
// so h counts the halvings: it is 0 below half the cap, 1 below three quarters,
// and so on. What is burned lowers I and postpones the next halving.
//
// Allocation. A subnet's part is (1−λ)·root + λ·demand. Root is what bonded stake
// stands for: by votes, each cut at what more than kappa of all stake agrees on;
// of silent stake, by where its voices spoke; what nobody directs is burned. Demand
// is what consumers burned there, and never earns more than half of that.
//
// Dividends of an epoch are paid in Parts equal parts over the next tempo, so that
// whoever comes late and leaves early earns for the time he stayed.
package emission
