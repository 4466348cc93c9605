/* The root that the seeds of `certificates` lead to; its key exists no more. */
#ifndef COHORT_FUZZ_ROOT_H
#define COHORT_FUZZ_ROOT_H

static const char fuzz_root[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBPTCB5aADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMTCUZ1enogcm9v\n"
    "dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAxMJ\n"
    "RnV6eiByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmTvvLysg+besDc2e\n"
    "kbZmqkMtohdXa4nM67OxhnWcoebGEKQITaC77uF4kecvwo5+0Gb0PjM7mKJWIcqe\n"
    "lWj+a6MmMCQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAgQwCgYI\n"
    "KoZIzj0EAwIDRwAwRAIgHlE7+zCigaslop0ctdr0+Sm5XmO0RH4eKGR/ohT4jk4C\n"
    "IFukWHiQNJ28tLDw4kc1tJIWANF5I3NiBmrasNcGZPEd\n"
    "-----END CERTIFICATE-----\n";

#endif
