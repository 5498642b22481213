"""Registration: webhooks you want to exist, once each.

The promise: at most one webhook per spec, or a report that says which to check. A create whose response was lost is
never resent blindly: lists decide. A webhook that existed before a run is adopted, and never deleted in favour of one
that the run created. A run can be stopped or killed at any moment, and repeated. Every spec gets an outcome, whatever
happens.

An item is one spec of a run; `item.State` says how far it is. OPEN means that there is an outcome, which a closing list
may still replace; it is emitted at once unless it is `unknown`, and again if it is replaced:

| state | what happens | becomes |
|---|---|---|
| NEW | listed, `active` as asked | DONE existing |
| NEW | listed, the other `active` -> get by id, (de)activate, get by id | DONE updated; else DONE failed |
| NEW | the same, the first `get` shows another identity, 6 s after the list too | DONE failed, and left as it is |
| NEW | the same, one of the last two answered 404 | the next copy; none left: as missing; there for 6 s: DONE failed |
| NEW | listed, and a run of this client that created one of the copies is not closed | OPEN instead of DONE |
| NEW | listed, and an earlier create may still add a copy | OPEN instead of DONE |
| NEW | the list contradicts what this client wrote, or itself -> get by id | as listed, or as missing |
| NEW | missing, but an earlier create may still take effect | IN_DOUBT |
| NEW | missing, and another run is creating it -> wait | as that create ends; its webhook: OPEN, as existing |
| NEW | missing -> create: answered as asked | OPEN, as created |
| NEW | missing -> create: answered with the other `active` -> (de)activate | OPEN, as created; or DONE failed |
| NEW | missing -> create: answered with another identity or webhook's id | DONE created, with an error, and `copies` |
| NEW | missing, and what this client created for it is stored with another identity | DONE existing, with an error |
| NEW | missing -> create: refused, or never sent | DONE failed |
| NEW | missing -> create: 400, 409 or 422, as what exists already may be refused | CONFLICT |
| NEW | missing -> create: response lost | IN_DOUBT |
| CONFLICT | listed, at once or after 1 s, after a 409 also 2 or 3 s more | as NEW |
| CONFLICT | in none of these lists | DONE failed |
| IN_DOUBT | listed after 1, 2 or 3 s more | OPEN, as recovered; (de)activation failed or without effect: as failed |
| IN_DOUBT | not listed -> create again: answered | as NEW; a failed (de)activation: OPEN, as failed |
| IN_DOUBT | not listed -> create again: lost once more, or refused | IN_DOUBT, until the third of these lists |
| IN_DOUBT | the third list has not settled it | OPEN, as unknown |
| OPEN | closing list: alone, or the lowest id -> delete what was created in excess | DONE as it is, with `copies` |
| OPEN | failed, but closing list: alone, with `active` as asked | DONE created, recovered or existing |
| OPEN | closing list: another id is the lowest -> keep that, delete likewise | DONE existing, or recovered |
| OPEN | closing list: the one that stays is gone once the others are deleted | DONE failed |
| OPEN | closing list: the one that stays has the other `active` -> (de)activate | DONE updated, or failed |
| OPEN | closing list: shows neither it nor a lower id | again after 1, 2 and 3 s |
| OPEN | not in the last of these -> get by id: there / gone | DONE as it is / the lowest other copy, or DONE failed |
| OPEN | by id there, but lists show later ids, or another webhook under its id | DONE as it is, with an error |
| OPEN | closing list: copies that another client has just created | again after 3 s, once |
| OPEN | closing list: nothing, and its outcome is unknown | DONE unknown |
| OPEN | a lookup or a delete failed, or stopped while it deletes | DONE as it is, with an error |
| OPEN | closing list and its retries failed, or stopped before it | DONE as it is, with an error if it was in doubt |
| any | stopped: nothing sent / between requests / on the wire | not_started / failed / as answered in 5 s, or unknown |

What was in doubt gets its closing list nine seconds later: a create may be carried out three seconds after its response
was lost, and lists may lag by six.

What a bulk run makes DONE without a closing list is checked by the one that it takes for others, and all that is wanted
by one more after the deletions of `apply`: what such a list does not show is read by id, and fails if it is gone or in
the other state, unless there is another copy, which another client may have kept, and which then takes its place.

Reading order: `report` (what comes out), `snapshot` (one list, and which copy to prefer), `memory` (what this client
wrote lately), `spellings` (what the gateway stores otherwise), `by_id`, `shared_list` and `coordinator` (what
registrations share), `workers`, `switching` ((de)activation), `item`, `closing`, `pending`, `recheck`, `run`, then
`bulk` and `stream` (the two entry points), `plan` and `apply`. `reasons` (the errors) and `checks` (of arguments) can
wait.
"""
