package postmortem

// part is one heading of the document: where its content comes from and what is
// asked of people.
type part struct {
	id, title string
	from      []string
	build     func(*builder) []Block
}

// Where content comes from.
const (
	fromEvidence   = "evidence"
	fromSimulation = "simulation"
	fromAuthor     = "author"
	fromProgram    = "program" // its rules, checks and built-in texts
)

// parts are all headings, in the order of the document. Each is there in every
// document, with what is not known said in its place.
func parts() []part {
	evidence, simulation, people, program := fromEvidence, fromSimulation, fromAuthor, fromProgram
	return []part{
		{"summary", "Summary", []string{evidence, people}, (*builder).summary},
		{"decisions", "Decisions", []string{people}, (*builder).decisions},
		{"impact", "Impact", []string{evidence, people}, (*builder).impact},
		{"endpoints", "Endpoint impact", []string{evidence, people}, (*builder).endpoints},
		{"errors", "Error types", []string{evidence, people}, (*builder).errors},
		{"causes", "Trigger, detection, factors and resolution", []string{evidence, simulation, people}, (*builder).causes},
		{"issues", "Issues by severity", []string{evidence, people}, (*builder).issues},
		{"code", "Annotated code", []string{people}, (*builder).code},
		{"paths", "Hot path and cold path", []string{people}, (*builder).paths},
		{"examples", "Request and response examples", []string{evidence, people}, (*builder).examples},
		{"timeline", "Timeline", []string{evidence, people}, (*builder).timeline},
		{"phases", "Phases and where we are", []string{evidence, people}, (*builder).phases},
		{"response-times", "Response times, now and projected", []string{evidence, simulation}, (*builder).responseTimes},
		{"options", "Options considered", []string{simulation, people}, (*builder).options},
		{"what-if", "What if", []string{simulation, people}, (*builder).whatIf},
		{"rollback", "Rollback steps", []string{people}, (*builder).rollback},
		{"touched", "Files and modules touched", []string{people}, (*builder).touched},
		{"dependencies", "Dependencies", []string{evidence, people}, (*builder).dependencies},
		{"edge-cases", "Edge-case matrix", []string{simulation, people}, (*builder).edgeCases},
		{"tests", "Test matrix and gaps", []string{people}, (*builder).tests},
		{"unsafe-safe", "Unsafe and safe code", []string{people, program}, (*builder).codePairs},
		{"decision-flow", "Decision flow of the breaker", []string{program, people}, (*builder).decisionFlow},
		{"review", "Review tracks", []string{program, people}, (*builder).review},
		{"callouts", "Warnings and residual risk", []string{evidence, simulation, people}, (*builder).callouts},
		{"lessons", "What went well, what went badly, where we were lucky", []string{people}, (*builder).lessons},
		{"actions", "Action items", []string{people}, (*builder).actions},
		{"faq", "Questions and answers", []string{evidence, people}, (*builder).faq},
		{"analogy", "Analogy, and words with two meanings", []string{people}, (*builder).analogy},
		{"claims", "Claims and their check", []string{evidence, program}, (*builder).claims},
		{"evidence", "Evidence", []string{evidence, people}, (*builder).evidence},
		{"glossary", "Glossary", []string{program, people}, (*builder).glossary},
	}
}

// PartIDs are the ids of the document's parts, on which a callout may stand.
func PartIDs() (ids []string) {
	for _, p := range parts() {
		ids = append(ids, p.id)
	}
	return ids
}
