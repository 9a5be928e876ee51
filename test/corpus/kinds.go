package corpus

import "strings"

// kind is one form of credential: what the provider says it looks like.
type kind struct{ name, pattern string }

// formRows are the providers' documented forms, as regular expressions.
const formRows = `
aws-access-key (AKIA|ASIA)[A-Z2-7]{16}
aws-secret-in-json [A-Za-z0-9/+]{40}
gcp-api-key AIza[0-9A-Za-z_-]{35}
gcp-oauth ya29\.[0-9A-Za-z_-]{60,120}
gcp-client-secret GOCSPX-[0-9A-Za-z_-]{28}
azure-client-secret [A-Za-z0-9]{3}8Q~[A-Za-z0-9_~.-]{34}
azure-new-key [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}
github-classic (ghp|gho|ghu|ghs|ghr)_[0-9A-Za-z]{36}
github-fine github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}
gitlab-pat glpat-[0-9A-Za-z_-]{20}
gitlab-deploy gldt-[0-9A-Za-z_-]{20}
gitlab-runner glrt-[0-9A-Za-z_-]{20}
gitlab-job glcbt-[0-9a-zA-Z]{2}_[0-9A-Za-z_-]{20}
slack-bot xoxb-[0-9]{11}-[0-9]{12}-[0-9A-Za-z]{24}
slack-user xoxp-[0-9]{11}-[0-9]{11}-[0-9]{12}-[0-9a-f]{32}
slack-app xapp-1-A[0-9A-Z]{10}-[0-9]{13}-[0-9a-f]{64}
slack-webhook https://hooks\.slack\.com/services/T[0-9A-Z]{8}/B[0-9A-Z]{8}/[0-9A-Za-z]{24}
stripe-live (sk|rk)_live_[0-9A-Za-z]{24,99}
stripe-test sk_test_[0-9A-Za-z]{24,99}
stripe-hook whsec_[0-9A-Za-z]{32}
square-token sq0atp-[0-9A-Za-z_-]{22}
shopify (shpat|shpca|shppa|shpss)_[0-9a-f]{32}
openai-project sk-proj-[A-Za-z0-9_-]{74}T3BlbkFJ[A-Za-z0-9_-]{74}
openai-old sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}
anthropic sk-ant-api03-[A-Za-z0-9_-]{93}AA
huggingface hf_[A-Za-z]{34}
groq gsk_[A-Za-z0-9]{52}
replicate r8_[A-Za-z0-9]{37}
perplexity pplx-[A-Za-z0-9]{48}
xai xai-[A-Za-z0-9]{80}
sendgrid SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}
mailgun key-[0-9a-f]{32}
mailchimp [0-9a-f]{32}-us[0-9]{1,2}
brevo xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}
twilio SK[0-9a-f]{32}
npm npm_[A-Za-z0-9]{36}
pypi pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{60,100}
rubygems rubygems_[0-9a-f]{48}
docker dckr_pat_[A-Za-z0-9_-]{27}
digitalocean dop_v1_[0-9a-f]{64}
heroku HRKU-AA[0-9a-zA-Z_-]{58}
fly fo1_[A-Za-z0-9_-]{43}
vault-service hvs\.[A-Za-z0-9_-]{90,110}
vault-batch hvb\.[A-Za-z0-9_-]{138,160}
vault-old s\.[A-Za-z0-9]{24}
doppler dp\.pt\.[A-Za-z0-9]{43}
onepassword A3-[A-Z0-9]{6}-[A-Z0-9]{11}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}
age AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}
terraform [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{64}
pulumi pul-[0-9a-f]{40}
databricks dapi[0-9a-f]{32}
grafana-cloud glc_[A-Za-z0-9+/]{60,90}
grafana-sa glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}
sentry-user sntryu_[0-9a-f]{64}
newrelic NRAK-[A-Z0-9]{27}
dynatrace dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}
datadog-by-name [0-9a-f]{32}
linear lin_api_[A-Za-z0-9]{40}
notion ntn_[0-9]{11}[A-Za-z0-9]{35}
figma figd_[A-Za-z0-9_-]{40}
postman PMAK-[0-9a-f]{24}-[0-9a-f]{34}
airtable pat[A-Za-z0-9]{14}\.[0-9a-f]{64}
atlassian ATATT3[A-Za-z0-9_=-]{180,186}
telegram [0-9]{9}:AA[A-Za-z0-9_-]{33}
discord-bot [MN][A-Za-z0-9]{23}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{38}
openshift sha256~[A-Za-z0-9_-]{43}
supabase sbp_[0-9a-f]{40}
planetscale pscale_tkn_[A-Za-z0-9_-]{43}
tailscale tskey-auth-k[A-Za-z0-9]{11}CNTRL-[A-Za-z0-9]{32}
cloudflare-origin v1\.0-[0-9a-f]{24}-[0-9a-f]{146}
maxmind [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk
settlemint sm_pat_[A-Za-z0-9]{16}
harness pat\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
scaleway SCW[A-Z0-9]{17}
`

func forms() []kind {
	var all []kind
	for line := range strings.Lines(strings.TrimSpace(formRows)) {
		name, pattern, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, kind{name, pattern})
	}
	return all
}

// named tells whether a form needs a telling name before it: nothing in it
// says what it is.
func (k kind) named() bool {
	return k.name == "aws-secret-in-json" || k.name == "datadog-by-name"
}
