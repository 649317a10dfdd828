package cashier

import "context"

// Recall reads what miners were owed when the program ended last, so that they are paid.
func (c *Cashier) Recall(ctx context.Context) error {
	debts, err := c.Ledger.Debts(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range debts {
		if due := d.Due(); due > 0 {
			c.of(d.Payee).rao, c.of(d.Payee).asked = due, true
		}
	}
	return nil
}
