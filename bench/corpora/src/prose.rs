//! Sentences without anything sensitive, in English and in other languages and scripts.

use crate::random::Random;

/// An English sentence, such as a ticket or a review holds.
pub(crate) fn sentence(random: &mut Random) -> String {
    let mut words = Vec::new();
    let clauses = random.within(1..=3);
    for _ in 0..clauses {
        let (adjective, verb) = (random.pick(ADJECTIVES), random.pick(VERBS));
        words.push(format!("the {adjective} {} {verb} {} {}", random.pick(NOUNS), random.pick(TO), random.pick(NOUNS)));
    }
    let mut out = words.join(random.pick(&[", and ", " because ", "; then ", " while "]));
    if random.chance(15) {
        out += &format!(" after {} {}", random.within(2..=60), random.pick(&["minutes", "days", "attempts", "pages"]));
    }
    if let Some(first) = out.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    out + random.pick(&[".", ".", ".", "?", "!"])
}

/// A sentence in another language or script.
pub(crate) fn foreign(random: &mut Random) -> String {
    let (start, end) = (random.pick(FOREIGN), random.pick(FOREIGN));
    format!("{start} {end} {}", random.pick(&["🙂", "", "👩‍💻", "✅ 🚀", "", "…"]))
}

const ADJECTIVES: &[&str] =
    &["quiet", "red", "broken", "new", "small", "late", "heavy", "public", "early", "simple", "wrong", "open", "old"];
const NOUNS: &[&str] = &[
    "printer", "garden", "meeting", "report", "train", "window", "kitchen", "river", "ticket", "column", "museum",
    "license", "policy", "teacher", "engine", "account", "phone", "address", "card", "bridge", "letter", "market",
];
const VERBS: &[&str] = &[
    "waits",
    "was moved",
    "belongs",
    "comes back",
    "leads",
    "was sent",
    "compares well",
    "refers",
    "runs",
    "was added",
    "reacts",
    "answers",
];
const TO: &[&str] =
    &["to the", "behind a", "with every", "without its", "for our", "near the", "like some", "before this"];
const FOREIGN: &[&str] = &[
    "Der Zug fährt heute später, weil die Brücke gesperrt ist.",
    "Größe und Gewicht des Pakets stehen auf der Rückseite.",
    "L'été dernier, nous avons rénové la cuisine et le garage.",
    "Où se trouve la clé de l'armoire près de l'entrée ?",
    "Сегодня поезд опаздывает, потому что закрыт мост.",
    "Мы добавили новую страницу в отчёт о погоде.",
    "今日は電車が遅れているので、会議は午後に始まります。",
    "新しい報告書は来週までに完成する予定です。",
    "我们昨天把打印机搬到了二楼的会议室。",
    "오늘은 비가 와서 정원에서 일하지 않습니다.",
    "Το τρένο καθυστερεί σήμερα λόγω της γέφυρας.",
    "القطار متأخر اليوم لأن الجسر مغلق.",
    "Bugün toplantı öğleden sonra başlayacak, çünkü tren gecikti.",
    "Năm nay mùa hè đến sớm hơn mọi năm.",
];
