package sandbox

import adserrors "github.com/shenzhencenter/google-ads-pb/errors"

// keys fills what duplicates are recognised by: action and order id; action, click and second.
func (r *row) keys(customer string) {
	if r.action == nil {
		return
	}
	if id := r.conv.GetOrderId(); id != "" {
		r.order = orderKey{customer: customer, action: r.action.ID, order: id}
	}
	if r.id.id != "" && !r.when.IsZero() {
		r.click = clickKey{customer: customer, action: r.action.ID, click: r.id, second: r.when.Unix()}
	}
}

// checkRepeats refuses every copy of a conversion that stands in the request twice.
func (c *call) checkRepeats(rows []row) {
	orders, clicks := make(map[orderKey]int, len(rows)), make(map[clickKey]int, len(rows))
	for i := range rows {
		orders[rows[i].order]++
		clicks[rows[i].click]++
	}
	for i := range rows {
		r := &rows[i]
		c.report(r, r.order.order != "" && orders[r.order] > 1, r.click.click.id != "" && clicks[r.click] > 1,
			repeatError{
				adserrors.ConversionUploadErrorEnum_DUPLICATE_ORDER_ID,
				"The request contains more than one event with this order ID.",
			},
			repeatError{
				adserrors.ConversionUploadErrorEnum_DUPLICATE_CLICK_CONVERSION_IN_REQUEST,
				"The request contains more than one event with this click and time.",
			})
	}
}

// checkHeld refuses a conversion that was accepted earlier.
func (c *call) checkHeld(r *row) {
	_, byOrder := c.server.book.orders[r.order]
	_, byClick := c.server.book.clicks[r.click]
	c.report(r, byOrder, byClick,
		repeatError{
			adserrors.ConversionUploadErrorEnum_ORDER_ID_ALREADY_IN_USE,
			"The imported event includes an order ID that was previously recorded.",
		},
		repeatError{
			adserrors.ConversionUploadErrorEnum_CLICK_CONVERSION_ALREADY_EXISTS,
			"A conversion with this click and time already exists.",
		})
}

type repeatError struct {
	code    adserrors.ConversionUploadErrorEnum_ConversionUploadError
	message string
}

// report fails r for its order id, for its click and time, or for both where Unproven.BothDuplicateErrors asks for it.
func (c *call) report(r *row, byOrder, byClick bool, order, click repeatError) {
	if byOrder {
		r.failUpload(order.code, order.message, field("order_id"))
	}
	if byClick && (!byOrder || c.server.cfg.Unproven.BothDuplicateErrors) {
		r.failUpload(click.code, click.message)
	}
}
