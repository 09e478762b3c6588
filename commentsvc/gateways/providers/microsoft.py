"""Microsoft: OpenID Connect whose issuer names the reader's tenant; its addresses prove nothing by themselves."""

from __future__ import annotations

import re
from typing import Any

from commentsvc.gateways.providers.base import Person
from commentsvc.gateways.providers.oauth import text_or_none
from commentsvc.gateways.providers.openid import OpenId

TENANT = re.compile(r"[0-9a-f-]{36}")


class Microsoft(OpenId):
    name = "microsoft"
    issuer = "https://login.microsoftonline.com/common/v2.0"

    def is_discovered(self, issuer: object) -> bool:
        # For `common` the document has the literal {tenantid} where a token has the tenant.
        return isinstance(issuer, str) and issuer == self._template()

    def is_issuer(self, claims: dict[str, Any]) -> bool:
        tenant = str(claims.get("tid", ""))
        return bool(TENANT.fullmatch(tenant)) and claims.get("iss") == self._template().replace("{tenantid}", tenant)

    def _template(self) -> str:
        return self.issuer.replace("/common/", "/{tenantid}/")

    def person_of(self, claims: dict[str, Any]) -> Person:
        subject = f"{claims.get('tid')}/{text_or_none(claims.get('oid')) or claims.get('sub')}"
        return self.whole(
            subject,
            claims.get("name") or claims.get("preferred_username"),
            email=text_or_none(claims.get("email")),
            # Anybody's tenant may write any address; only this claim says that its domain is the tenant's own.
            is_email_verified=claims.get("xms_edov") in (True, 1, "1", "true"),
            handle=text_or_none(claims.get("preferred_username")),
        )
