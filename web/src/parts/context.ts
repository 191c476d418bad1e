import {createContext} from 'preact';
import {useContext} from 'preact/hooks';
import type {Scope} from '../api';

// Who looks at the page. A service without keys and users allows all.
export interface Account {
  user: string;  // Empty: the service is open.
  may: (scope: Scope) => boolean;
}

export const AccountContext =
    createContext<Account>({user: '', may: () => false});
export const useAccount = () => useContext(AccountContext);

// Says something in passing, also to who can't see it.
export type Say = (text: string, kind?: 'good'|'bad') => void;
export const SayContext = createContext<Say>(() => {});
export const useSay = () => useContext(SayContext);
