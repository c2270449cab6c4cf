"""Who gets what, when and at what cost, before anything is sent. Pure.

It decides nothing during a campaign: that is `campaign`, which is given the plan made here.
"""
