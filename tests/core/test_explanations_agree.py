"""The figures of an explanation are those of the state, on random loans."""

import itertools
from datetime import timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from loans.core import explanations, fold
from loans.core.money import divide
from loans.core.terms import Component
from tests.core.strategies import loan_lives

TAKEN = "taken along by a re-age"


def told_until(life, days):
    """Give terms, events and a day some days after the last of them, with the state on that day."""
    terms, told = life
    as_of = max(event.date for event in told) + timedelta(days=days)
    return terms, told, as_of, fold.fold(terms, told, as_of=as_of)


def last(steps, figure):
    return next((step for step in reversed(steps) if step.figure == figure), None)


def rounds(step, terms):
    """Tell whether a step rounds what it says it rounds."""
    return step.rounded == divide(
        step.unrounded.numerator, step.unrounded.denominator, rounding=terms.rounding
    )


class TestInstallments:
    @settings(max_examples=200)
    @given(life=loan_lives(), days=st.integers(0, 70))
    def test_are_explained_to_the_figure_of_the_state(self, life, days):
        terms, told, as_of, state = told_until(life, days)

        for row in state.installments:
            steps = explanations.explain_installment(terms, told, number=row.number, as_of=as_of).steps
            for component in Component:
                explained = last(steps, component.value)
                due = getattr(row.due, component)
                assert (0 if explained is None else explained.rounded) == due, (row, component)
                for part in ("paid", "waived", "written_off"):
                    amounts = [step.rounded for step in steps if step.figure == f"{component}.{part}"]
                    assert sum(amounts) == getattr(getattr(row, part), component), (row, component, part)
            for component in ("fee", "penalty"):
                explained = last(steps, component)
                if explained is not None:
                    sign = {TAKEN: -1}
                    parts = explained.inputs.items()
                    assert sum(sign.get(name, 1) * amount for name, amount in parts) == explained.rounded, row
                    assert all(amount >= 0 for _, amount in parts), row
            interest = last(steps, "interest").inputs
            assert (
                last(steps, "interest.earned") is None
                or interest["earned"] == last(steps, "interest.earned").rounded
            )

    @settings(max_examples=200)
    @given(life=loan_lives(), days=st.integers(0, 70))
    def test_add_up_from_stretches_that_are_rounded_once(self, life, days):
        terms, told, as_of, state = told_until(life, days)

        for row in state.installments:
            steps = explanations.explain_installment(terms, told, number=row.number, as_of=as_of).steps
            for stretched, whole in (
                ("interest.accrued", "interest.earned"),
                ("penalty.accrued", "penalty.interest"),
            ):
                pieces = [step for step in steps if step.figure == stretched]
                if not pieces:
                    continue
                earned = next(step for step in steps if step.figure == whole)
                assert sum((step.unrounded for step in pieces), Fraction(0)) == earned.unrounded, row
                assert rounds(earned, terms), row
                days_apart = sorted((step.inputs["from"], step.inputs["to"]) for step in pieces)
                assert all(one[1] <= other[0] for one, other in itertools.pairwise(days_apart))


class TestPayoffs:
    @settings(max_examples=200)
    @given(life=loan_lives(), days=st.integers(0, 70))
    def test_are_explained_to_the_figure_of_the_state(self, life, days):
        terms, told, as_of, state = told_until(life, days)

        steps = explanations.explain_payoff(terms, told, on=as_of).steps

        for component in Component:
            explained = last(steps, component.value)
            assert explained.rounded == getattr(state.payoff, component)
            assert sum(explained.inputs.values()) == explained.rounded, component
        assert last(steps, "payoff").rounded == state.payoff.total
        assert last(steps, "per_diem").rounded == state.per_diem


class TestEvents:
    @settings(max_examples=200)
    @given(life=loan_lives(events_min=1))
    def test_are_explained_to_the_amounts_they_took(self, life):
        terms, told = life
        as_of = max(event.date for event in told)

        for event in told:
            explained = explanations.explain_event(terms, told, event_id=event.id, as_of=as_of)
            known = sorted((each for each in told), key=lambda each: each.key)
            state = fold.fold(terms, known[: known.index(event) + 1], as_of=event.date)
            applied = [each for each in state.applied if each.event_id == event.id]
            parts = sum(sum(part[1:]) for each in applied for part in each.parts)
            not_parts = {"total", "credit_balance", "level_installment", "equal_share", "fee.charged"}
            assert sum(step.rounded for step in explained.steps if step.figure not in not_parts) == parts
            credits_left = [step.rounded for step in explained.steps if step.figure == "credit_balance"]
            assert sum(credits_left) == sum(each.credit for each in applied)
            assert explained.to_json()["summary"] in explained.text
