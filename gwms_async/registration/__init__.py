"""Bulk registration: webhooks you want to exist, once each.

The promise: at most one webhook per spec, or a report that says so. A create is never sent again blindly: where its
answer was lost, lists decide. What existed before a run is adopted and never deleted. A run can be stopped or killed at
any moment and repeated. An outcome is emitted for each spec, whatever happens.

An item is one spec of a run; `item.State` says how far it is:

| state | what happens | becomes |
|---|---|---|
| NEW | listed with the same `active`, or with another -> (de)activate | DONE existing, updated |
| NEW | listed, but its (de)activation is answered 404: next copy, none left | as missing |
| NEW | missing, an earlier create may still be carried out | IN_DOUBT |
| NEW | missing, another run is creating it -> wait | as that one ends |
| NEW | missing -> create: answered, refused or never sent, lost | DONE created, DONE failed, IN_DOUBT |
| IN_DOUBT | round 1, 2, 3: listed | DONE recovered, after a second create CREATED |
| IN_DOUBT | round 1, 2, 3: missing -> create again | CREATED or IN_DOUBT |
| IN_DOUBT | three rounds over | DONE unknown |
| CREATED | last list: alone, or the lowest of several -> delete those added | DONE |
| CREATED | last list failed, or stopped before it | DONE with an error: there may be a second copy |
| any | stopped: nothing sent, waiting, on the wire | DONE not_started, failed, as answered within 5 s or unknown |

Read `report` (what comes out), `snapshot` (one list, and which copy to prefer), `shared_list` and `coordinator` (what
registrations share), `item`, `workers`, `run`, then `bulk` and `stream` (its two doors), `plan` and `apply`.
"""
