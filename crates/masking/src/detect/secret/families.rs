//! The families of secrets, on shelves by their first two or three bytes. Lengths and alphabets are those that the makers
//! document or issue; where they may grow, only the least is given.

use super::family::Alphabet::{Base32, Base62, Base64, Base64Url, Hex, Lower, Parts, Upper, Wide};
use super::family::Size::{Between, Exactly, From};
use super::family::{Family, mixed, plain, summed};

/// How many bytes are looked at to find a shelf: no secret is shorter.
pub(super) const HEAD: usize = 8;

/// Writes the shelves down once: as the match that finds one, and as the list that tests go through.
macro_rules! shelves {
    ($($beginning:pat => [$($family:expr),+ $(,)?],)+) => {
        /// The families that may stand at the start of what begins with `head`.
        pub(super) fn shelf(head: [u8; HEAD]) -> &'static [Family] {
            match head {
                $($beginning => const { &[$($family),+] },)+
                _ => &[],
            }
        }

        #[cfg(test)]
        pub(super) const ALL: &[&[Family]] = &[$(&[$($family),+]),+];
    };
}

shelves! {
    // clouds
    [b'A', _, b'C' | b'D' | b'I' | b'K' | b'O' | b'P' | b'V', b'A', ..] => [
        plain("aws-access-key", "AKIA", Base32, Exactly(16)),
        plain("aws-access-key", "ASIA", Base32, Exactly(16)),
        plain("aws-access-key", "ABIA", Base32, Exactly(16)),
        plain("aws-access-key", "ACCA", Base32, Exactly(16)),
        plain("aws-identifier", "AROA", Base32, Exactly(16)),
        plain("aws-identifier", "AIDA", Base32, Exactly(16)),
        plain("aws-identifier", "AIPA", Base32, Exactly(16)),
        plain("aws-identifier", "AGPA", Base32, Exactly(16)),
        plain("aws-identifier", "ANPA", Base32, Exactly(16)),
        plain("aws-identifier", "ANVA", Base32, Exactly(16)),
        plain("aws-identifier", "APKA", Base32, Exactly(16)),
    ],
    [b'A', b'K', b'I', b'D', ..] => [mixed("tencent-key", "AKID", Base62, Exactly(32))],
    [b'A', b'B', b'S', b'K', ..] => [plain("aws-bedrock-key", "ABSK", Base64, Between(100, 140))],
    [b'b', b'e', b'd', b'r', ..] => [plain("aws-bedrock-key", "bedrock-api-key-", Wide, From(64))],
    [b'A', b'I', b'z', ..] => [plain("google-api-key", "AIza", Base64Url, Exactly(35))],
    [b'A', b'Q', ..] => [
        mixed("google-api-key", "AQ.Ab", Base64Url, Between(38, 80)),
        mixed("yandex-key", "AQVN", Base64Url, Between(35, 38)),
    ],
    [b'G', b'O', b'C', ..] => [plain("google-client-secret", "GOCSPX-", Base64Url, Exactly(28))],
    [b'y', b'a', b'2', ..] => [plain("google-token", "ya29.", Parts, From(20))],
    [b'1', b'/' , b'/', ..] => [mixed("google-refresh-token", "1//0", Base64Url, Between(40, 160))],
    [b'L', b'T', b'A', ..] => [mixed("alibaba-key", "LTAI", Base62, Between(12, 24))],
    [b'y', b'0', b'_', ..] => [mixed("yandex-token", "y0_", Base64Url, From(50))],
    [b'd', b'o' , b'o' | b'p' | b'r', b'_', ..] => [
        plain("digitalocean-token", "dop_v1_", Hex, Exactly(64)),
        plain("digitalocean-token", "doo_v1_", Hex, Exactly(64)),
        plain("digitalocean-token", "dor_v1_", Hex, Exactly(64)),
    ],
    [b'c', b'f', b'a' | b'k' | b'u', ..] => [
        plain("cloudflare-token", "cfut_", Base62, Exactly(48)),
        plain("cloudflare-token", "cfat_", Base62, Exactly(48)),
        plain("cloudflare-key", "cfk_", Base62, Exactly(48)),
    ],
    [b'v', b'1' , b'.', ..] => [plain("cloudflare-ca-key", "v1.0-", Parts, Between(160, 180))],
    [b'H', b'R', b'K', ..] => [plain("heroku-key", "HRKU-AA", Base64Url, Exactly(58))],
    [b'f', b'm' , b'1' | b'2', ..] => [
        plain("fly-token", "fm1r_", Wide, From(60)),
        plain("fly-token", "fm1a_", Wide, From(60)),
        plain("fly-token", "fm2_", Wide, From(60)),
    ],
    [b'f', b'o', b'1', ..] => [plain("fly-token", "fo1_", Base64Url, Exactly(43))],
    [b'n', b'f' , b'b' | b'c' | b'o' | b'p' | b'u', ..] => [
        plain("netlify-token", "nfp_", Base62, Between(36, 40)),
        plain("netlify-token", "nfc_", Base62, Between(36, 40)),
        plain("netlify-token", "nfo_", Base62, Between(36, 40)),
        plain("netlify-token", "nfu_", Base62, Between(36, 40)),
        plain("netlify-token", "nfb_", Base62, Between(36, 40)),
    ],
    [b'v', b'c', b'p' | b'i' | b'a' | b'r' | b'k', b'_', ..] => [
        plain("vercel-token", "vcp_", Base62, From(24)),
        plain("vercel-token", "vci_", Base62, From(24)),
        plain("vercel-token", "vca_", Base62, From(24)),
        plain("vercel-token", "vcr_", Base62, From(24)),
        plain("vercel-token", "vck_", Base62, From(24)),
    ],
    [b'r', b'n', b'd', ..] => [plain("render-key", "rnd_", Base62, Between(28, 40))],
    [b'S', b'C', b'W', ..] => [mixed("scaleway-key", "SCW", Upper, Exactly(17))],

    // code
    [b'g', b'h', _, b'_', ..] => [
        summed("github-token", "ghp_"),
        summed("github-token", "gho_"),
        summed("github-token", "ghu_"),
        plain("github-token", "ghs_", Parts, From(36)),
        plain("github-token", "ghr_", Base62, Between(36, 76)),
    ],
    [b'g', b'i', b't', b'h', ..] => [plain("github-token", "github_pat_", Base64Url, Exactly(82))],
    [b'g', b'l', ..] => [
        plain("gitlab-token", "glpat-", Parts, From(20)),
        plain("gitlab-token", "gldt-", Parts, From(20)),
        plain("gitlab-token", "glrt-", Parts, From(20)),
        plain("gitlab-token", "glrtr-", Parts, From(20)),
        plain("gitlab-token", "glptt-", Parts, From(20)),
        plain("gitlab-token", "gloas-", Parts, From(20)),
        plain("gitlab-token", "glcbt-", Parts, From(20)),
        plain("gitlab-token", "glft-", Parts, From(20)),
        plain("gitlab-token", "glimt-", Parts, From(20)),
        plain("gitlab-token", "glagent-", Parts, From(20)),
        plain("gitlab-token", "glsoat-", Parts, From(20)),
        plain("gitlab-token", "glffct-", Parts, From(20)),
        plain("gitlab-token", "glwt-", Parts, From(20)),
        plain("grafana-token", "glsa_", Base64Url, Between(41, 60)),
        plain("grafana-token", "glc_", Base64, From(32)),
    ],
    [b'A', b'T', b'A' | b'B' | b'C', ..] => [
        plain("atlassian-token", "ATATT3", Wide, From(60)),
        plain("atlassian-token", "ATCTT3", Wide, From(60)),
        plain("bitbucket-password", "ATBB", Base62, Exactly(32)),
    ],
    [b's', b'g', b'p', ..] => [plain("sourcegraph-token", "sgp_", Base64Url, Between(40, 64))],
    [b'b', b'k', b'u', ..] => [plain("buildkite-token", "bkua_", Hex, Exactly(40))],
    [b'C', b'C', b'I', ..] => [plain("circleci-token", "CCIPAT_", Base64Url, From(40))],

    // chat
    [b'x', b'o', b'x', ..] => [
        plain("slack-token", "xoxb-", Base64Url, From(20)),
        plain("slack-token", "xoxp-", Base64Url, From(20)),
        plain("slack-token", "xoxa-", Base64Url, From(20)),
        plain("slack-token", "xoxr-", Base64Url, From(20)),
        plain("slack-token", "xoxs-", Base64Url, From(20)),
        plain("slack-token", "xoxc-", Base64Url, From(20)),
        plain("slack-token", "xoxd-", Base64Url, From(20)),
        plain("slack-token", "xoxe-", Base64Url, From(20)),
        plain("slack-token", "xoxe.", Parts, From(20)),
    ],
    [b'x', b'a', b'p', b'p', ..] => [plain("slack-token", "xapp-", Base64Url, From(20))],

    // payment
    [b's' | b'r', b'k', b'_', ..] => [
        plain("stripe-key", "sk_live_", Base62, From(16)),
        plain("stripe-key", "sk_test_", Base62, From(16)),
        plain("stripe-key", "rk_live_", Base62, From(16)),
        plain("stripe-key", "rk_test_", Base62, From(16)),
        plain("stripe-key", "sk_org_", Base64Url, From(16)),
        mixed("elevenlabs-key", "sk_", Hex, Exactly(48)),
    ],
    [b'w', b'h', b's', ..] => [plain("webhook-secret", "whsec_", Base64, From(20))],
    [b's', b'q', b'0', ..] => [
        plain("square-token", "sq0atp-", Base64Url, Exactly(22)),
        plain("square-secret", "sq0csp-", Base64Url, Exactly(43)),
    ],
    [b'E', b'A', b'A', ..] => [
        mixed("square-token", "EAAA", Base64Url, Exactly(60)),
        mixed("facebook-token", "EAA", Base62, From(100)),
    ],
    [b'I', b'G', b'Q' | b'A', ..] => [mixed("instagram-token", "IGQ", Base64Url, From(100))],
    [b's', b'h', b'p', ..] => [
        plain("shopify-token", "shpat_", Base62, From(32)),
        plain("shopify-token", "shpca_", Base62, From(32)),
        plain("shopify-token", "shppa_", Base62, From(32)),
        plain("shopify-token", "shpss_", Base62, From(32)),
        plain("shopify-token", "shptka_", Base62, From(32)),
    ],
    [b'r', b'z', b'p', ..] => [
        mixed("razorpay-key", "rzp_live_", Base62, Exactly(14)),
        mixed("razorpay-key", "rzp_test_", Base62, Exactly(14)),
    ],
    [b'F', b'L', b'W', ..] => [plain("flutterwave-key", "FLWSECK", Parts, Between(20, 60))],
    [b'E', b'Z', b'A' | b'T', ..] => [
        plain("easypost-key", "EZAK", Base62, Exactly(54)),
        plain("easypost-key", "EZTK", Base62, Exactly(54)),
    ],
    [b'l', b'i', b'v', b'e', ..] => [mixed("mollie-key", "live_", Base62, Between(30, 48))],
    [b's', b'h', b'i', b'p', ..] => [plain("shippo-token", "shippo_live_", Hex, Exactly(40))],
    [b'd', b'u', b'f', ..] => [
        plain("duffel-token", "duffel_live_", Base64Url, Exactly(43)),
        plain("duffel-token", "duffel_test_", Base64Url, Exactly(43)),
    ],
    [b'a', b'c', b'c', b'e', b's', b's', b'-' | b'_', ..] => [
        plain("plaid-token", "access-production-", Base64Url, Exactly(36)),
        plain("plaid-token", "access-sandbox-", Base64Url, Exactly(36)),
        plain("plaid-token", "access-development-", Base64Url, Exactly(36)),
    ],

    // model providers
    [b's', b'k', b'-', ..] => [
        plain("anthropic-key", "sk-ant-", Base64Url, From(32)),
        plain("openai-key", "sk-proj-", Base64Url, From(32)),
        plain("openai-key", "sk-svcacct-", Base64Url, From(32)),
        plain("openai-key", "sk-admin-", Base64Url, From(32)),
        plain("openrouter-key", "sk-or-", Base64Url, From(32)),
        plain("langfuse-key", "sk-lf-", Base64Url, Exactly(36)),
        mixed("model-key", "sk-", Hex, Exactly(32)),
        mixed("model-key", "sk-", Base62, From(32)),
    ],
    [b'h', b'f', b'_', ..] => [plain("huggingface-token", "hf_", Base62, Between(30, 40))],
    [b'a', b'p', b'i', b'_', ..] => [plain("huggingface-token", "api_org_", Base62, Between(30, 40))],
    [b'g', b's', b'k', ..] => [plain("groq-key", "gsk_", Base62, Exactly(52))],
    [b'r', b'8', b'_', ..] => [plain("replicate-token", "r8_", Base62, Exactly(37))],
    [b'x', b'a', b'i', b'-', ..] => [mixed("xai-key", "xai-", Base62, Exactly(80))],
    [b'p', b'p', b'l', ..] => [mixed("perplexity-key", "pplx-", Base62, Between(40, 56))],
    [b'n', b'v', b'a', ..] => [plain("nvidia-key", "nvapi-", Base64Url, From(60))],
    [b'c', b's', b'k', ..] => [plain("cerebras-key", "csk-", Base62, Between(40, 56))],
    [b't', b'v', b'l', ..] => [plain("tavily-key", "tvly-", Base64Url, From(28))],
    [b'f', b'w', b'_', ..] => [mixed("fireworks-key", "fw_", Base62, Between(20, 26))],
    [b'l', b's', b'v', ..] => [
        plain("langsmith-key", "lsv2_pt_", Base64Url, Between(36, 48)),
        plain("langsmith-key", "lsv2_sk_", Base64Url, Between(36, 48)),
    ],
    [b'j', b'i', b'n', ..] => [mixed("jina-key", "jina_", Base64Url, From(40))],
    [b'p', b'c', b's', ..] => [plain("pinecone-key", "pcsk_", Base64Url, From(40))],

    // packages
    [b'n', b'p', b'm', ..] => [summed("npm-token", "npm_")],
    [b'p', b'y', b'p', ..] => [plain("pypi-token", "pypi-", Base64Url, From(50))],
    [b'r', b'u', b'b', b'y', ..] => [plain("rubygems-key", "rubygems_", Hex, Exactly(48))],
    [b'c', b'i', b'o', ..] => [mixed("crates-io-token", "cio", Base62, Exactly(32))],
    [b'd', b'c', b'k', ..] => [
        plain("docker-token", "dckr_pat_", Base64Url, Exactly(27)),
        plain("docker-token", "dckr_oat_", Base64Url, Between(27, 48)),
    ],
    [b'o', b'y', b'2', ..] => [mixed("nuget-key", "oy2", Lower, Exactly(43))],
    [b'C', b'L', b'O', ..] => [plain("clojars-token", "CLOJARS_", Hex, Exactly(60))],
    [b'A', b'K', b'C', ..] => [mixed("jfrog-key", "AKCp", Base62, Exactly(69))],

    // mail and short messages
    [b'k', b'e', b'y', b'-', ..] => [mixed("mailgun-key", "key-", Hex, Exactly(32))],
    [b'S', b'K', ..] => [mixed("twilio-key", "SK", Hex, Exactly(32))],
    [b'A', b'C', ..] => [mixed("twilio-account", "AC", Hex, Exactly(32))],
    [b'x', b'k', b'e', ..] => [plain("brevo-key", "xkeysib-", Base64Url, From(64))],
    [b'x', b's', b'm', ..] => [plain("brevo-key", "xsmtpsib-", Base64Url, From(64))],
    [b'r', b'e', b'_', ..] => [mixed("resend-key", "re_", Base64Url, Between(24, 40))],

    // infrastructure and tools
    [b'h', b'v' , b's' | b'b' | b'r', b'.', ..] => [
        plain("vault-token", "hvs.", Base64Url, From(20)),
        plain("vault-token", "hvb.", Base64Url, From(20)),
        plain("vault-token", "hvr.", Base64Url, From(20)),
    ],
    [b's', b'.', ..] => [mixed("vault-token", "s.", Base62, Exactly(24))],
    [b's', b'l', b'.', ..] => [mixed("dropbox-token", "sl.", Parts, From(100))],
    [b'p', b'u', b'l', b'-', ..] => [plain("pulumi-token", "pul-", Hex, Exactly(40))],
    [b'd', b'a', b'p', b'i', ..] => [mixed("databricks-token", "dapi", Hex, Exactly(32))],
    [b'd', b'p', b'.', ..] => [
        plain("doppler-token", "dp.pt.", Base62, Between(40, 44)),
        plain("doppler-token", "dp.st.", Parts, From(40)),
        plain("doppler-token", "dp.ct.", Base62, Between(40, 44)),
        plain("doppler-token", "dp.sa.", Base62, Between(40, 44)),
        plain("doppler-token", "dp.scim.", Base62, Between(40, 44)),
        plain("doppler-token", "dp.audit.", Base62, Between(40, 44)),
    ],
    [b'd', b't', b'0', ..] => [
        plain("dynatrace-token", "dt0c01.", Parts, Exactly(89)),
        plain("dynatrace-token", "dt0s01.", Parts, Exactly(89)),
        plain("dynatrace-token", "dt0s16.", Parts, Exactly(89)),
    ],
    [b'N', b'R', b'A' | b'I' | b'J' | b'R', ..] => [
        plain("newrelic-key", "NRAK-", Upper, Exactly(27)),
        plain("newrelic-key", "NRII-", Base64Url, Exactly(32)),
        plain("newrelic-key", "NRRA-", Hex, Exactly(42)),
    ],
    [b's', b'n', b't', ..] => [
        plain("sentry-token", "sntrys_", Wide, From(80)),
        plain("sentry-token", "sntryu_", Hex, Exactly(64)),
    ],
    [b'l', b'i', b'n', b'_', ..] => [
        plain("linear-key", "lin_api_", Base62, Between(32, 48)),
        plain("linear-token", "lin_oauth_", Base62, Between(32, 64)),
    ],
    [b'n', b't', b'n', ..] => [plain("notion-token", "ntn_", Base62, Between(40, 50))],
    [b's', b'e', b'c', b'r', b'e', b't', b'_', ..] => [mixed("notion-token", "secret_", Base62, Exactly(43))],
    [b'f', b'i', b'g', ..] => [
        plain("figma-token", "figd_", Base64Url, From(38)),
        plain("figma-token", "figu_", Base64Url, From(38)),
        plain("figma-token", "figo_", Base64Url, From(38)),
    ],
    [b'P', b'M', b'A', ..] => [plain("postman-key", "PMAK-", Base64Url, Exactly(59))],
    [b'o', b'p', b's', b'_', ..] => [plain("onepassword-token", "ops_eyJ", Base64Url, From(100))],
    [b'A', b'G', b'E', ..] => [plain("age-key", "AGE-SECRET-KEY-", Base64Url, From(59))],
    [b't', b's', b'k', ..] => [plain("tailscale-key", "tskey-", Base64Url, From(24))],
    [b'p', b's', b'c', ..] => [
        plain("planetscale-token", "pscale_tkn_", Parts, From(32)),
        plain("planetscale-token", "pscale_oauth_", Parts, From(32)),
        plain("planetscale-password", "pscale_pw_", Parts, From(32)),
    ],
    [b's', b'b', b'p' | b'_', ..] => [
        plain("supabase-token", "sbp_", Hex, Exactly(40)),
        plain("supabase-key", "sb_secret_", Base64Url, Between(28, 48)),
    ],
    [b'n', b'a', b'p', b'i', ..] => [plain("neon-key", "napi_", Base62, Between(40, 72))],
    [b'm', b'd', b'b', ..] => [plain("mongodb-secret", "mdb_sa_sk_", Base64Url, Between(36, 48))],
    [b's', b'h', b'a', b'2', ..] => [mixed("openshift-token", "sha256~", Base64Url, Exactly(43))],
    [b'C', b'F', b'P', ..] => [plain("contentful-token", "CFPAT-", Base64Url, Exactly(43))],
    [b'p', b'a', b't', ..] => [
        plain("hubspot-token", "pat-na1-", Base64Url, Exactly(36)),
        plain("hubspot-token", "pat-na2-", Base64Url, Exactly(36)),
        plain("hubspot-token", "pat-eu1-", Base64Url, Exactly(36)),
    ],
    [b'p', b'h', b'x', ..] => [plain("posthog-key", "phx_", Base62, From(40))],
    [b'p', b'n', b'u', ..] => [plain("prefect-key", "pnu_", Base62, Exactly(36))],
    [b'd', b'b', b't', ..] => [
        plain("dbt-token", "dbtc_", Base64Url, From(32)),
        plain("dbt-token", "dbtu_", Base64Url, From(32)),
    ],
    [b't', b'f', b'p', ..] => [plain("typeform-token", "tfp_", Parts, From(40))],
    [b'r', b'd', b'm', ..] => [plain("readme-key", "rdme_", Lower, Exactly(70))],
    [b'a', b'i', b'o', ..] => [mixed("adafruit-key", "aio_", Base62, Exactly(28))],
    [b's', b'd', b'k', b'-', ..] => [mixed("launchdarkly-key", "sdk-", Base64Url, Exactly(36))],
    [b'h', b'c', b'a', ..] => [mixed("honeycomb-key", "hca", Lower, Exactly(61))],
    [b'x', b'a', b'a' | b'p', b't', ..] => [
        plain("axiom-token", "xaat-", Base64Url, Exactly(36)),
        plain("axiom-token", "xapt-", Base64Url, Exactly(36)),
    ],
    [b'I', b'Q', b'o', ..] => [mixed("aws-session-token", "IQoJb3JpZ2lu", Base64, From(100))],
    [b'F', b'w', b'o', ..] => [mixed("aws-session-token", "FwoGZXIvYXdz", Base64, From(100))],
}
