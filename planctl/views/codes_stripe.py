"""What stops the commands that talk to Stripe, by code: what it means and what to do."""

from __future__ import annotations

STRIPE: dict[str, str] = {
    # keys of Stripe and its webhooks
    "key-file": "A file with a key could be read or replaced by others, or holds something else. The hint mends it.",
    "no-stripe-key": "There is no key for Stripe. Give it in a file or as a systemd credential, never as an option.",
    "stripe-key": "What should be a key of Stripe's API is none. Make a restricted key (rk_) in its dashboard.",
    "stripe-webhook-secret": "What should be a webhook's signing secret is none. Copy it from Stripe's dashboard.",
    "not-at-stripe": "Stripe does not take this currency, or not this amount of it; the message says which it takes.",
    "stripe-surroundings": "A variable would redirect or write down what goes to Stripe. Unset it and run it again.",
    "no-webhook-secret": "Without a signing secret any webhook could be forged, so none is accepted.",
    "webhook-signature": "The webhook was not signed with this endpoint's secret, or its body was changed on the way.",
    "webhook-time": "The webhook was signed more than 300 s before or after now. It may be a replay: check the clock.",
    "webhook-body": "The body is no event of Stripe's. Pass it on as it came, one event at a time.",
    # the account, the mode and the key's rights
    "stripe-not-set-up": "The store belongs to no Stripe account yet. `planctl stripe setup` pins it to the key's.",
    "stripe-account": "The key belongs to another account than the store, which has one for good.",
    "stripe-generation": "Stripe has what a later generation or another adoption of this store made: one is a copy.",
    "stripe-mode": "The store is set up for the other mode. Keep one store for test mode and one for live mode.",
    "stripe-live": "Live mode needs three yeses: a live key, a store set up for it, and --live on the command.",
    "stripe-test-store": "A test store's clock is free, so it takes no live key. Make a store without --test.",
    "stripe-key-denied": "Stripe does not know the key, or does not let it. `planctl stripe setup` lists its rights.",
    "return-url": "Stripe's pages cannot send people to that address. Give a whole one, https in live mode.",
    # talking to Stripe
    "stripe-unreachable": "Stripe did not answer, or asked to wait. What was begun goes on with the next run.",
    "stripe-refused": "Stripe refuses what was asked of it; the message is its own.",
    "gone-at-stripe": "Stripe has no object of that id, or somebody deleted it. Look in its dashboard.",
    # what a person decides
    "not-waiting": "The call does not wait for a person. `planctl stripe status` lists those that do.",
    "adopts-another": "The object at Stripe is not the one that the call was to make. Name the right one.",
    "adopts-undone": "The object at Stripe is not as the call wants it. --resend asks for it again, --drop never.",
    # Checkout pages and the portal
    "needs-return-url": "A page must know where to send people back to: `planctl stripe setup --return-url URL` once.",
    "checkout-nothing": "There is nothing that a page could sell to the customer; the message says why.",
    "checkout-later": "The change waits for the renewal or for a yes, so nothing is to be paid now.",
    "checkout-by-second": "What the plan costs now changes by the second, and a page asks for one amount.",
    "checkout-open": "An earlier page can still be paid, and two must not. Expire it in Stripe's dashboard.",
    "checkout-paid": "An earlier page was filled in meanwhile. `planctl stripe pull` takes in what it started.",
    "checkout-raced": "Somebody else opened a page for the same at the same moment. Run it again.",
    "checkout-refused": "Stripe opened no page. The message is its own, and the call waits for a person.",
    "checkout-differs": "Stripe's page asked for something else than it should, so it was expired. Run it again.",
    "checkout-currency": "A page was paid in another currency than it asked for. Look at it in Stripe's dashboard.",
    "checkout-unknown": "Somebody paid a page that this store does not keep. Look at it in Stripe's dashboard.",
    "customer-refused": "The customer is not at Stripe yet: a call waits. `planctl stripe status` says why.",
    "plan-inactive": "The plan is hidden from customers, so no page sells it. `planctl plan activate` offers it.",
    "portal-refused": "Stripe does not take the portal's settings. The message is its own.",
    # what comes in
    "stripe-currency": "Stripe took another currency than the invoice's. Record by hand what the money is worth.",
    "stripe-refund-failed": "A refund failed: the money is still here. Give it back otherwise, then drop the event.",
    "stripe-unmatched": "Money moved at Stripe for which nothing here fits. Record it by hand, then drop the event.",
    "not-loopback": "Webhooks are taken in on 127.0.0.1 alone. Let a web server in front pass them on.",
    "cannot-listen": "Nothing can listen at that address and port. Something may listen there already.",
}
"""Codes of errors."""
