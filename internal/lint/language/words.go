package language

import (
	"strings"
	"sync"
)

func setOf(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// set is setOf when it is first asked for: few starts of the program read prose.
func set(words string) func() map[string]bool {
	return sync.OnceValue(func() map[string]bool { return setOf(words) })
}

var (
	// people are words for persons and groups of them that name nothing else in this field.
	people = set(`he she we you i who somebody someone nobody everyone everybody anyone anybody no-one
		engineer engineers developer developers dev devs sre sres dba dbas admin admins administrator administrators
		team teams author authors reviewer reviewers intern interns contractor contractors colleague colleagues
		person people human humans staff employee employees programmer programmers coder coders technician technicians
		maintainer maintainers on-call oncall on-caller newcomer junior senior leadership management ops`)

	// ambiguous are people only behind an article or a kind of person: the operator, but the
	// lock manager.
	ambiguous = set(`operator operators manager managers responder responders commander lead leads tester testers analyst analysts
		owner owners director architect architects`)

	determiners = set(`the a an our your their his her my this that another one some any each every two three`)
	qualifiers  = set(`on-call oncall human shift duty night incident first engineering product project line team tech release database senior junior new`)

	// givenNames are given names that are common where English is written at work; a name that is
	// not here is not taken for a system, only not for a person.
	givenNames = set(`adam ahmed aisha akira alan alex alexander alice alicia amanda amit amy ana andrea andrew andy angela anita anna anne
		anthony antonio ashley barbara ben benjamin beth bob brad brandon brian bruce carl carla carlos carol caroline cathy charles
		charlie chen chloe chris christian christina christine christopher claire claudia colin craig cynthia dan daniel daniela dave
		david deborah denise dennis derek diana diego dmitri dominic donald donna doug dylan ed eddie edward elena eli elizabeth ella
		emily emma eric erik erin ethan eva evan eve fatima felix fiona frank fred gabriel gary george gina giulia greg hannah
		harry hassan heather helen henry ian ingrid irene isabel ivan jack jacob jake james jamie jan jane janet jason jay jean jeff
		jennifer jenny jeremy jerry jessica jill jim joan joe johan john jon jonathan jorge jose joseph joshua juan judy julia julie
		justin kate katherine kathy katie keith kelly ken kenneth kevin kim kumar kyle lars laura lauren lee leo linda lisa liz louis
		lucas lucia lucy luis luke maria marie mario marta martin mary matt matthew megan mei melissa michael michelle miguel mike
		mohammed monica nadia nancy natalie natasha nathan neha nicholas nick nicole nina noah olga oliver olivia oscar pablo patricia
		patrick paul paula pedro peter phil philip priya rachel rahul raj ravi rebecca ricardo richard rita rob robert robin roger ron
		rosa ruth ryan sally sam samantha samuel sandra sanjay sara sarah scott sean sergio sharon simon sofia sophie stefan stephanie
		stephen steve steven sue susan tanya tara ted teresa terry thomas tim timothy tina todd tom tony tracy tyler vera victor
		victoria vikram vincent walter wei wendy william yuki yusuf zoe`)

	// systems are what acts in an incident and is no person.
	systems = set(`it client server service gateway proxy balancer database db replica primary standby postgres pool connection lock
		index query statement transaction migration deadline timeout limit breaker circuit retry backoff budget keepalive queue job worker
		cache node pod container cluster deploy deployment release pipeline build host machine network switch firewall dns certificate
		cron scheduler controller kubernetes agent collector exporter scraper alert alarm monitor dashboard probe healthcheck check guard
		fallback flag config configuration setting default feature code function handler library driver sdk api endpoint request call
		response process thread daemon kernel disk volume filesystem script tool program job parser linter lint compiler session backend
		webhook message event log metric trace sidecar mesh envoy istio nginx haproxy redis kafka concurrently rollback failover autoscaler
		throttle quota shedding isolation redundancy partition shard schema constraint trigger sweep sweeper reservation checkout payment order
		inventory warehouse system systems application app runtime version patch upgrade model orm supervisor leader follower quorum`)

	// activities are things that people would have had to do.
	activities = set(`review reviews reviewing testing training care attention diligence caution discipline checking reading experience thought planning communication vigilance`)

	adverbs = set(`also never always just then again even still not had has have did didn't don't almost often once later all both so now once twice`)
	helpers = set(`is was are were be been being could should would might must can may will do does did have has had`)
	finders = set(`found identified confirmed established known determined named unknown unclear analysis for to by`)

	amounts = set(`many few several such made these those of no`)

	irregular = set(`been known seen done caught run read put set made had told kept left gone come thought found given taken written
		spoken asked held shut hit let cut lost met paid said sent spent stood taught understood begun broken chosen drawn driven fallen felt
		forgotten got gotten grown heard led meant risen shown slept sought sped stopped struck thrown used won`)
)
