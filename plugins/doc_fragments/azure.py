# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to Azure Blob Storage."""

from __future__ import annotations


class ModuleDocFragment:
    """Names of options and variables are those of azure.azcollection and of the Azure CLI."""

    DOCUMENTATION = r"""
options:
  storage_account_name:
    description:
      - Name of the storage account. Also from E(AZURE_STORAGE_ACCOUNT).
      - Not needed where O(account_url) or O(connection_string) names it.
    type: str
    aliases: [account_name, storage_account]
  account_url:
    description:
      - URL of the account's blob endpoint, such as V(http://127.0.0.1:10000/devstoreaccount1) for Azurite, or an endpoint of a private link
        or a cloud of its own. Also from E(AZURE_STORAGE_SERVICE_ENDPOINT).
      - Without it, C(https://NAME.blob.SUFFIX), with O(storage_account_name) and the suffix of O(cloud_environment).
    type: str
    aliases: [endpoint]
  account_key:
    description:
      - A key of the storage account. Also from E(AZURE_STORAGE_KEY).
      - O(account_key), O(sas_token), O(connection_string) and the credentials of an identity exclude each other. The variables count only
        where none of these options is given and O(auth_source) is V(auto).
    type: str
    aliases: [storage_account_key]
  sas_token:
    description:
      - A shared access signature of the account or the container. Also from E(AZURE_STORAGE_SAS_TOKEN).
    type: str
  connection_string:
    description:
      - A connection string, which names account, endpoint and key or shared access signature at once. Excludes O(storage_account_name) and
        O(account_url). Also from E(AZURE_STORAGE_CONNECTION_STRING), which wins over the other variables.
    type: str
  auth_source:
    description:
      - Where the credentials come from. Also from E(ANSIBLE_AZURE_AUTH_SOURCE).
      - V(auto) takes the options, then the C(AZURE_STORAGE_*) variables, then what C(DefaultAzureCredential) finds, which is the
        environment, a workload identity, a managed identity, and the sign-in of the Azure CLI, in this order.
      - V(env) takes the service principal of the environment, V(cli) the sign-in of the Azure CLI, V(msi) the managed identity of the
        machine, or that of O(client_id).
      - C(azure.azcollection) has V(credential_file), too, which these modules do not.
    type: str
    choices: [auto, cli, env, msi]
    default: auto
  tenant:
    description:
      - Id of the Entra tenant of a service principal. Goes with O(client_id), and with O(secret) or O(x509_certificate_path).
      - Also from E(AZURE_TENANT), or E(AZURE_TENANT_ID).
    type: str
  client_id:
    description:
      - Id of the service principal; alone, of a managed identity. Also from E(AZURE_CLIENT_ID).
    type: str
  secret:
    description:
      - Secret of the service principal. Also from E(AZURE_SECRET), or E(AZURE_CLIENT_SECRET).
    type: str
  x509_certificate_path:
    description:
      - File with the certificate and the private key of the service principal, in PEM format. Excludes O(secret).
    type: path
  cloud_environment:
    description:
      - The cloud that the account is in. Also from E(AZURE_CLOUD_ENVIRONMENT).
    type: str
    choices: [AzureCloud, AzureChinaCloud, AzureUSGovernment]
    default: AzureCloud
  cert_validation_mode:
    description:
      - Whether the endpoint's TLS certificate is verified. Turn it off for tests only. Also from E(AZURE_CERT_VALIDATION_MODE).
      - Authorities of your own are found through E(REQUESTS_CA_BUNDLE).
    type: str
    choices: [validate, ignore]
    default: validate
  api_version:
    description:
      - Version of the storage REST API to speak, such as V(2023-11-03), for servers that don't know that of the SDK yet.
    type: str
  retries:
    description:
      - How often a request that fails for a passing reason is sent again, by the SDK, with growing pauses of 0.3 to 5 seconds.
    type: int
    default: 4
  timeout:
    description:
      - Seconds to wait for an answer. Connecting has 10 seconds.
    type: int
    default: 60
notes:
  - Requires azure-storage-blob and azure-identity on the host that runs the module, which is usually localhost.
  - An identity needs a role for data, such as C(Storage Blob Data Contributor). C(Owner) of the account is no such role.
requirements:
  - python >= 3.10
  - azure-storage-blob >= 12.19.0
  - azure-identity >= 1.15.0
"""
