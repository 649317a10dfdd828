// Package voucher is the arithmetic of one-way payment channels: what a payer promises, what a payee may risk on the
// promise, and what the chain settles of it.
//
// A channel holds a deposit of its payer for one payee. For each request, or for many, the payer signs a voucher: how
// much he has come to owe in all, by subnet. Only the highest counts, so none has to be kept beside it, and none can be
// paid twice:
//
//	paid now = min(promised, asked, deposit, cap) − paid before
//
// A payee works on credit between vouchers; a Line says how much. Amounts are rao and add up to the last one.
//
// Nothing here knows a clock, a store or a network. Sources: the `batch-settlement` scheme of x402 version 2, whose
// terms are used; the domain in front of what is signed is that of RFC 8032, section 8.6.
package voucher
