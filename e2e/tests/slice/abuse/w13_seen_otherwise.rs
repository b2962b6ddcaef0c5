//! W13: the reviewer sees something else than what runs: text turned around, hidden, overwritten, in look-alike
//! letters. Everything that a screen would hide is made visible, on every surface; plain text of any language stays
//! as it is.

use e2e::{Gateway, Held};
use serde_json::json;

use super::on_the_record;

/// Characters that hide, turn around, overwrite or pass for others.
const TRICKS: [char; 14] = [
    '\u{202e}',
    '\u{2066}',
    '\u{200b}',
    '\u{200d}',
    '\u{feff}',
    '\u{ad}',
    '\u{1b}',
    '\u{8}',
    '\r',
    '\u{85}',
    '\u{2028}',
    '\u{e0041}',
    '\u{430}',
    '\u{ff27}',
];

fn hides(text: &str) -> Option<char> {
    text.chars().find(|letter| *letter != '\n' && (TRICKS.contains(letter) || letter.is_control()))
}

async fn hold(gateway: &Gateway, statement: &str, value: &str, reason: &str) -> Held {
    let body = json!({"target": "shop", "statement": statement, "parameters": [value], "reason": reason});
    gateway.shopkeeper().post("/api/v1/actions", &body).await.held()
}

#[tokio::test]
async fn nothing_in_a_review_is_hidden_or_disguised() {
    let gateway = Gateway::open().await;
    let statement = "DELETE FROM orders WHERE note = ?";
    for trick in TRICKS {
        let (value, reason) = (format!("a{trick}b"), format!("because{trick}of it"));
        let quoted = format!("{statement} OR note = '{trick} 1 = id'");
        let held = hold(&gateway, &quoted, &value, &reason).await;
        let shown = gateway.person("grace").review(&held).await.ok();
        let escaped = format!("\\u{{{:x}}}", u32::from(trick));
        for part in ["statement", "reason", "parameters"] {
            let text = shown[part].as_str().unwrap_or_else(|| shown[part][0].as_str().expect("text"));
            assert_eq!(hides(text), None, "{escaped} in {part}: {text:?}");
            assert!(text.contains(&escaped), "{escaped} in {part}: {text:?}");
        }
        assert_eq!(shown["had_hidden_characters"], true, "{shown}");
        gateway.person("grace").reject(&held).await.ok();
    }
    let held = hold(
        &gateway,
        "DELETE FROM orders WHERE note = ? OR note = '\u{202e}\u{1b}[2K\r?'",
        "\u{1b}]0;x\u{7}",
        "\u{9b}31m\u{200b}",
    )
    .await;
    for person in ["grace", "ada"] {
        let told = gateway.cli_as(person, &["reviews", "show", &held.review]).await.ok().stdout;
        assert_eq!(hides(&told), None, "{told:?}");
        assert!(told.contains("\\u{202e}") && told.contains("\\u{1b}"), "{told}");
    }
    on_the_record(&gateway, "revealed", &held.review).await;

    let plain = "UPDATE orders SET note = 'Zoë kauft 東京 ñ' WHERE note = ?";
    let held = hold(&gateway, plain, "grüße", "weil").await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert_eq!(shown["statement"], plain);
    assert_eq!(shown["had_hidden_characters"], false);
}

/// Text that looks like one of our own escapes is told from one.
#[tokio::test]
async fn actors_text_does_not_pass_for_an_escape() {
    let gateway = Gateway::open().await;
    let held = hold(&gateway, "DELETE FROM orders WHERE note = ? OR note = '\\u{202e}'", "\\", "\\n").await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert_eq!(shown["statement"], "DELETE FROM orders WHERE note = ? OR note = '\\\\u{202e}'");
    assert_eq!(shown["had_hidden_characters"], false);
}
