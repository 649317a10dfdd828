// Package ledger keeps what consumers owe a gateway, what they have signed for it, and what the gateway owes miners: in a
// file of this machine (SQLite), or in a PostgreSQL that several gateways share.
//
// One clerk does all the writing. Requests hand it their entries and wait; it takes whatever has come meanwhile, writes it
// in one transaction, and answers them all. So no entry is answered that a kill could lose, entries of one account never
// cross, and a thousand requests cost a few transactions.
//
// With a file the accounts are in memory and only read at the start; charges are lines of a journal, which is folded into
// accounts and sums once in a while. With PostgreSQL they are read and locked in each
// transaction, in the order of their names, and open requests are entries too, which end by themselves when their gateway
// is gone.
package ledger
