package watch

// maxComplaints bounds what is remembered of files that are not read and of what Log was told.
const maxComplaints = 1000

// complaints are told once each while their cause lasts.
type complaints struct {
	log     func(error)
	said    map[string]bool   // what log was told since all was well
	refused map[string]Reason // reported, and still there
	newly   []*RefusedError   // not reported yet
}

func (c *complaints) say(err error) {
	if key := err.Error(); c.log != nil && !c.said[key] && len(c.said) < maxComplaints {
		c.said[key] = true
		c.log(err)
	}
}

func (c *complaints) refuse(e *RefusedError) {
	if c.refused[e.Path] != e.Reason && len(c.refused) < maxComplaints {
		c.refused[e.Path] = e.Reason
		c.newly = append(c.newly, e)
	}
}
