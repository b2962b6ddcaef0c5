"""Presidio's pattern recognizers over JSON lines, without an entity model.

Reads {"text": …, "column": …} a line; answers {"seconds": CPU, "spans": [[start, end, class], …]} a line, in
bytes of UTF-8. The language pipeline is a blank tokenizer whose lemmas are the words in lower case, so that context
words work; nothing is downloaded.
"""

import json
import logging
import re
import sys
import time

logging.disable(logging.CRITICAL)

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.language import Language

# The list of public suffixes that is in the package; otherwise the first address asks the network.
tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())

CLASSES = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "US_SSN": "ssn",
}
THRESHOLD = 0.4


@Language.component("lower_case_lemmas")
def lower_case_lemmas(doc):
    for token in doc:
        token.lemma_ = token.lower_
    return doc


class Blank(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        pipeline = spacy.blank("en")
        pipeline.add_pipe("lower_case_lemmas")
        self.nlp = {"en": pipeline}


def spans(text, results):
    starts = [0]
    for sign in text:
        starts.append(starts[-1] + len(sign.encode()))
    return [
        [starts[result.start], starts[result.end], CLASSES[result.entity_type]]
        for result in results
        if result.entity_type in CLASSES and result.score >= THRESHOLD
    ]


def main():
    engine = Blank()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(nlp_engine=engine)
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    analyzer.analyze(text="warm +1 415 555 0132 a@example.com", language="en")
    for line in sys.stdin:
        asked = json.loads(line)
        column = re.findall("[A-Za-z]+", asked.get("column") or "")
        started = time.thread_time()
        results = analyzer.analyze(text=asked["text"], language="en", context=column or None)
        seconds = time.thread_time() - started
        print(json.dumps({"seconds": seconds, "spans": spans(asked["text"], results)}), flush=True)


main()
