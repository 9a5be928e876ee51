package action

// The ConfigMaps in the roles' namespace by which people steer an installation.
// The gate, the executors, RBAC and the admission policies know them by these
// names, and no executor may write any of them.
const (
	// SwitchName holds the kill switch. Executors read it before they act.
	SwitchName = "countersign-switch"
	// PolicyName holds the policy and its settings; the gate follows it.
	PolicyName = "countersign-policy"
	// SignersName holds the keys of the second factor, in OpenSSH's format.
	SignersName = "countersign-allowed-signers"
	// AnchorName holds the signed head of the audit log.
	AnchorName = "countersign-audit-anchor"
)

// The labels of a namespace that bind executors, whatever an Order says.
const (
	// ProtectedLabel with the value true: nothing may be changed here.
	ProtectedLabel = "countersign.dev/protected"
	// SignatureLabel with the value true: an approval alone is not enough, an
	// approver must have signed the terms outside Slack.
	SignatureLabel = "countersign.dev/require-signature"
)

// Signature is an approver's signature outside Slack, over the canonical terms.
type Signature struct {
	Signer string `json:"signer"` // the Slack user id to which allowed signers give the key
	SSHSig string `json:"sshsig"` // armored, namespace SignatureNamespace
}

// SignatureNamespace keeps these signatures apart from every other use of the
// same SSH key.
const SignatureNamespace = "countersign-approval"
